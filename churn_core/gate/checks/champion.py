"""Is the candidate at least as good as the model in production?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import field_validator

from churn_core.bundle.manifest import Interval
from churn_core.errors import BundleError, FeatureError
from churn_core.gate.bootstrap import paired_bootstrap
from churn_core.gate.evidence import Contender, EvaluationData, Evidence
from churn_core.gate.metrics import METRICS
from churn_core.gate.profit import profit_metrics
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["NotWorseThanChampion"]

_Severity = Literal["fail", "warn"]

_ADVANTAGE = (
    "The champion held out other customers and may have been trained on some of these, "
    "which would flatter it."
)
_WAY_OUT = (
    "For a fair comparison train with the champion's data and split.seed; "
    "the option `seen: warn` accepts the candidate knowingly."
)


class NotWorseThanChampion(Frozen):
    """Non-inferiority on the same customers, by a paired bootstrap of the difference.

    The candidate passes a metric when the end of the 95 % interval of the difference that is
    worse stays within the margin: then it is confidently not worse by more than that.

    Attributes:
        margins: For each metric, how much worse the candidate may be.
        incomparable: What to answer where the champion cannot score the customers.
        seen: What to answer where the candidate looks worse, but the champion may have been
            trained on some of the customers, which makes it look better than it is. Failing by
            default is unfair to the candidate and protects production.
    """

    margins: dict[str, float] = {"roc_auc": 0.01, "log_loss": 0.01}
    incomparable: _Severity = "fail"
    seen: _Severity = "fail"

    @field_validator("margins")
    @classmethod
    def _known(cls, margins: dict[str, float]) -> dict[str, float]:
        known = [name for name, metric in METRICS.items() if metric.higher_is_better is not None]
        for name, margin in margins.items():
            if name not in known:
                raise ValueError(f"metric {name!r} cannot be compared; metrics: {', '.join(known)}")
            if not 0 <= margin < np.inf:
                raise ValueError(f"{name}: a margin must be 0 or more")
        if not margins:
            raise ValueError("name at least one metric")
        return margins

    def check(self, evidence: Evidence) -> CheckResult:
        champion = evidence.champion
        if champion is None:
            return CheckResult(status="pass", sentence="There is no champion yet to compare with.")
        if champion.digest and champion.digest == evidence.candidate.digest:
            return CheckResult(status="pass", sentence="The candidate is the champion itself.")
        candidate = evidence.probabilities
        try:
            rival = evidence.champion_probabilities
        except (BundleError, FeatureError) as error:
            sentence = f"The candidate cannot be compared with the champion: {error}."
            return CheckResult(status=self.incomparable, sentence=sentence)
        # One set of prices for both: those of the candidate, which are to hold from now on.
        policy = evidence.manifest.decision
        metrics, values = {**METRICS, **profit_metrics(policy)}, policy.values(evidence.raw)
        found = {
            name: paired_bootstrap(evidence.labels, candidate, rival, metrics[name], values=values)
            for name in self.margins
        }
        return self._result(found, seen=_may_have_seen(champion, evidence.data))

    def _result(self, found: dict[str, Interval], *, seen: bool) -> CheckResult:
        worse = [name for name, difference in found.items() if not self._holds(name, difference)]
        if worse:
            sentence = f"The candidate may be worse than the champion: {self._spoken(worse[0], found)}."
        else:
            sentence = f"The candidate is not worse than the champion: {self._spoken(min(found), found)}."
        if seen:
            sentence += f" {_ADVANTAGE}" + (f" {_WAY_OUT}" if worse else "")
        failed = self.seen if seen else "fail"
        return CheckResult(
            status=failed if worse else "pass",
            sentence=sentence,
            intervals={name: Estimate(**one.model_dump()) for name, one in found.items()},
            thresholds={name: self._bound(name) for name in found},
            details=tuple(self._spoken(name, found) for name in found),
        )

    def _holds(self, name: str, difference: Interval) -> bool:
        if METRICS[name].higher_is_better:
            return difference.low >= -self.margins[name]
        return difference.high <= self.margins[name]

    def _bound(self, name: str) -> Bound:
        margin = self.margins[name]
        return Bound(at_least=-margin) if METRICS[name].higher_is_better else Bound(at_most=margin)

    def _spoken(self, name: str, found: dict[str, Interval]) -> str:
        one = found[name]
        return (
            f"{METRICS[name].title} differs by {one.value:+.4f}, 95 % interval {one.low:+.4f} to "
            f"{one.high:+.4f} ({self._bound(name)} asked)"
        )


def _may_have_seen(champion: Contender, data: EvaluationData) -> bool:
    return champion.opened("the champion").bundle.lineage.holdout_digest != data.customers_digest
