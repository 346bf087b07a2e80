"""Is the candidate at least as good as the model in production, and is it better?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from churn_core.bundle.manifest import Interval
from churn_core.errors import BundleError, FeatureError
from churn_core.gate.compare import COMPARABLE, Rivals
from churn_core.gate.evidence import Contender, EvaluationData, Evidence
from churn_core.gate.inference import Estimated, holm
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
_RELAX = "The option `superiority: []` asks only that a model is not worse."


class NotWorseThanChampion(Frozen):
    """Non-inferiority in every metric that has a margin, and superiority where it is asked for.

    **Not worse.** The candidate passes a metric when the end of the interval of the difference that
    is worse stays within the margin. Every metric has to pass: a candidate that is worse
    by a margin in truth gets by with probability `(1 - confidence) / 2` at most, however many metrics
    there are (intersection-union; Berger, Technometrics 24, 1982), so nothing is corrected.

    **Better.** With `enough: any`, one proven metric is enough; the chances to be lucky are held
    down by Holm's method. With `enough: all` each has to be proven, which needs no correction.

    Attributes:
        margins: For each metric, how much worse the candidate may be.
        superiority: Metrics by which the candidate has to be better with confidence; none where it is
            enough that it is not worse.
        enough: Whether one of them is enough.
        confidence: Of the intervals; half of the rest is the risk to be wrong.
        incomparable: What to answer where the champion cannot score the customers.
        seen: What to answer where the candidate looks worse, or not better, but the champion may have
            been trained on some of the customers, which makes it look better than it is. Failing by
            default is unfair to the candidate and protects production.
    """

    margins: dict[str, FiniteFloat] = {"roc_auc": 0.01, "log_loss": 0.01}
    superiority: tuple[str, ...] = ("log_loss",)
    enough: Literal["any", "all"] = "any"
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    incomparable: _Severity = "fail"
    seen: _Severity = "fail"

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.metrics:
            if name not in COMPARABLE:
                raise ValueError(f"metric {name!r} cannot be compared; metrics: {', '.join(COMPARABLE)}")
        for name, margin in self.margins.items():
            if margin < 0:
                raise ValueError(f"{name}: a margin must be 0 or more")
        if not self.metrics:
            raise ValueError("name at least one metric")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that are compared."""
        return tuple(dict.fromkeys((*self.margins, *self.superiority)))

    def check(self, evidence: Evidence) -> CheckResult:
        champion = evidence.champion
        if champion is None:
            return CheckResult(status="pass", sentence="There is no champion yet to compare with.")
        if champion.digest and champion.digest == evidence.candidate.digest:
            return CheckResult(status="pass", sentence="The candidate is the champion itself.")
        _ = evidence.sound_probabilities  # where the candidate cannot answer, nothing excuses it
        try:
            rivals = evidence.rivals
        except (BundleError, FeatureError) as error:
            sentence = f"The candidate cannot be compared with the champion: {error}."
            return CheckResult(status=self.incomparable, sentence=sentence)
        return self.compare(rivals, seen=_may_have_seen(champion, evidence.data))

    def compare(self, rivals: Rivals, *, seen: bool = False) -> CheckResult:
        """Judge two models by what they say of the same customers.

        Args:
            seen: Whether the champion may have been trained on some of them.
        """
        if rivals.same:
            return CheckResult(status="pass", sentence="The candidate answers as the champion does.")
        found = {name: rivals.difference(name) for name in self.metrics}
        intervals = {name: one.interval(self.confidence) for name, one in found.items()}
        report = _Report(self, intervals)
        worse = [name for name in self.margins if not self._holds(name, intervals[name])]
        better = self._proven(found)
        lacking = bool(self.superiority) and (
            not better if self.enough == "any" else len(better) < len(self.superiority)
        )
        sentence = report.sentence(worse, better, lacking=lacking)
        if seen:
            sentence += f" {_ADVANTAGE}" + (f" {_WAY_OUT}" if worse or lacking else "")
        failed = self.seen if seen else "fail"
        return CheckResult(
            status=failed if worse or lacking else "pass",
            sentence=sentence,
            numbers={f"{name} better": float(name in better) for name in self.superiority},
            intervals={name: Estimate(**one.model_dump()) for name, one in report.known()},
            thresholds={name: self.bound(name) for name in found},
            details=tuple(report.spoken(name) for name in found),
        )

    def bound(self, name: str) -> Bound:
        """What the interval of a difference has to keep to."""
        margin = self.margins.get(name, 0.0)
        return Bound(at_least=0.0 - margin) if _higher(name) else Bound(at_most=margin)

    def _holds(self, name: str, difference: Interval) -> bool:
        if _higher(name):
            return difference.low >= -self.margins[name]
        return difference.high <= self.margins[name]

    def _proven(self, found: dict[str, Estimated]) -> list[str]:
        """The metrics by which the candidate is better, all of them truly so with confidence."""
        risk = (1 - self.confidence) / 2
        p_values = [
            found[name].p_above(0.0) if _higher(name) else found[name].p_below(0.0)
            for name in self.superiority
        ]
        proven = holm(p_values, risk) if self.enough == "any" else [p <= risk for p in p_values]
        return [name for name, yes in zip(self.superiority, proven, strict=True) if yes]


class _Report:
    """Sentences about differences."""

    def __init__(self, check: NotWorseThanChampion, intervals: dict[str, Interval]) -> None:
        self.check, self.intervals = check, intervals

    def known(self) -> Iterator[tuple[str, Interval]]:
        """Intervals that the customers were enough for."""
        return ((n, one) for n, one in self.intervals.items() if np.isfinite([one.low, one.high]).all())

    def sentence(self, worse: list[str], better: list[str], *, lacking: bool) -> str:
        if worse:
            return f"The candidate may be worse than the champion: {self.spoken(worse[0])}."
        if lacking:
            missing = next(name for name in self.check.superiority if name not in better)
            return (
                f"The candidate is not shown to be better than the champion: {self.spoken(missing)}. {_RELAX}"
            )
        how = "better" if better else "not worse"
        return (
            f"The candidate is {how} than the champion: {self.spoken((better or sorted(self.intervals))[0])}."
        )

    def spoken(self, name: str) -> str:
        one = self.intervals[name]
        asked = [f"{self.check.bound(name)} asked"] if name in self.check.margins else []
        if name in self.check.superiority:
            asked.append(f"{'above' if _higher(name) else 'below'} 0 for a better model")
        title, sure = COMPARABLE[name].title, 100 * self.check.confidence
        return (
            f"{title} differs by {one.value:+.4f}, {sure:g} % interval "
            f"{one.low:+.4f} to {one.high:+.4f} ({', '.join(asked)})"
        )


def _higher(name: str) -> bool:
    return bool(COMPARABLE[name].higher_is_better)


def _may_have_seen(champion: Contender, data: EvaluationData) -> bool:
    return champion.opened("the champion").bundle.lineage.holdout_digest != data.customers_digest
