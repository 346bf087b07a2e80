"""Are there enough customers to tell models apart?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat

from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.checks.champion import NotWorseThanChampion
from churn_core.gate.compare import COMPARABLE
from churn_core.gate.delong import auc, hanley_mcneil
from churn_core.gate.evidence import Evidence
from churn_core.gate.inference import normal_tail, quantile
from churn_core.gate.metrics import LOSSES, METRICS, decision_metrics
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas.rules import Frozen

__all__ = ["Demand", "SampleSize", "needed"]

_Positive = Annotated[FiniteFloat, Field(gt=0)]


@dataclass(frozen=True)
class Demand:
    """One thing that `champion` asks, and how easily a better candidate meets it.

    Attributes:
        effect: How far that candidate is from being refused.
        error: Standard error of the difference on these customers.
        reach: How many errors the estimate has to be away.
    """

    metric: str
    effect: float
    error: float
    reach: float

    def power(self) -> float:
        """How likely it is met."""
        return normal_tail(self.reach - self.effect / self.error) if self.error else 1.0

    def detectable(self, power: float) -> float:
        """The effect with which it is met so likely."""
        return (self.reach + quantile(power)) * self.error


class SampleSize(Frozen):
    """Enough customers of either outcome, and enough to recognise a better model.

    What has to be recognised, and how surely, is what the check `champion` of the same policy asks.
    A *better* candidate is one that is better by `detect` in the metrics in which it has to be
    better, and no worse in the others. It has to meet all demands at once with `power`; each is
    given an equal part of what may go wrong, so that this holds however they depend on each other.

    How much the difference of two models varies is measured on candidate and champion. Without a
    champion it is reckoned from one model: of the AUC by Hanley and McNeil, of a loss by its spread
    over customers, of other metrics by bootstrap. There is nothing to recognise yet then, and
    the figures are for information.

    Attributes:
        rows: Fewest customers.
        churners: Fewest customers who left, and fewest who stayed.
        detect: For each metric, the difference that matters; by default the champion's margin.
        power: With what probability it has to be recognised.
        otherwise: What to answer where it is not.
        correlation: Between the errors of two models, where there is only one.
    """

    rows: Annotated[int, Field(ge=2)] = 200
    churners: Annotated[int, Field(ge=2)] = 40
    detect: dict[str, _Positive] = {}
    power: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    otherwise: Literal["fail", "warn"] = "warn"
    correlation: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def check(self, evidence: Evidence) -> CheckResult:
        rows, churners = len(evidence.labels), int(evidence.labels.sum())
        counts = {"rows": rows, "churners": churners, "stayers": rows - churners}
        asked = {"rows": self.rows, "churners": self.churners, "stayers": self.churners}
        words = {"rows": "customers", "churners": "who left", "stayers": "who stayed"}
        few = [f"{counts[n]:,} {words[n]} ({asked[n]:,} asked)" for n in counts if counts[n] < asked[n]]
        result = CheckResult(
            status="fail" if few else "pass",
            sentence=f"There is too little to judge on: {', '.join(few)}."
            if few
            else f"{rows:,} customers, {churners:,} of whom left, are enough.",
            numbers=dict(counts),
            thresholds={name: Bound(at_least=bound) for name, bound in asked.items()},
        )
        return result if few else self._powered(result, evidence)

    def _powered(self, result: CheckResult, evidence: Evidence) -> CheckResult:
        policy = _policy(evidence)
        errors, compared = self.errors(evidence, policy.metrics)
        demands = self.demands(policy, errors)
        if not demands:
            return result
        rows, share = len(evidence.labels), self.share(demands)
        wanted = needed(demands, rows, share)
        met = max(0.0, 1 - sum(1 - one.power() for one in demands))
        better = ", ".join(f"{COMPARABLE[one.metric].title} by {one.effect:g}" for one in demands)
        plan = (
            f"{rows:,} customers recognise a better model with a probability of {met:.0%} or more; "
            f"for {self.power:.0%} it takes {wanted:,} (what is to be told: {better})"
        )
        short = compared and wanted > rows
        numbers = {f"{one.metric} detectable": one.detectable(share) for one in demands}
        return result.model_copy(
            update={
                "status": self.otherwise if short else "pass",
                "sentence": f"There are few customers to compare models on: {plan}."
                if short
                else result.sentence,
                "numbers": {**result.numbers, "power": met, "rows needed": wanted, **numbers},
                "details": (plan,),
            }
        )

    def demands(self, policy: NotWorseThanChampion, errors: Mapping[str, float]) -> list[Demand]:
        """What `policy` asks of a better candidate, for each metric where it can be told.

        Args:
            errors: Standard error of the difference, by metric.
        """
        risk = (1 - policy.confidence) / 2
        claims = len(policy.superiority) if policy.enough == "any" else 1
        found: list[Demand] = []
        for name, error in errors.items():
            must_lead = name in policy.superiority
            margin = policy.margins.get(name, 0.0)
            effect = self.detect.get(name, margin) if must_lead else margin
            if effect > 0 and math.isfinite(error):
                reach = quantile(1 - risk / (claims if must_lead else 1))
                found.append(Demand(name, effect, error, reach))
        return found

    def share(self, demands: list[Demand]) -> float:
        """The power that each demand needs."""
        return 1 - (1 - self.power) / len(demands)

    def errors(self, evidence: Evidence, metrics: tuple[str, ...]) -> tuple[dict[str, float], bool]:
        """Standard errors of the differences of two models, and whether there are two."""
        rivals = evidence.comparison
        if rivals is not None and not rivals.same:
            return {name: rivals.difference(name).error for name in metrics}, True
        apart = math.sqrt(2 * (1 - self.correlation))
        return {name: error * apart for name, error in _errors_of_one(evidence, metrics)}, False


def needed(demands: list[Demand], rows: int, power: float) -> int:
    """Customers with whom each demand is met with `power`, as errors on `rows` customers tell."""
    return max(math.ceil(rows * (one.detectable(power) / one.effect) ** 2) for one in demands)


def _policy(evidence: Evidence) -> NotWorseThanChampion:
    asked = next((one for one in evidence.policy.checks if one.name == "champion"), None)
    return NotWorseThanChampion(**asked.options) if asked else NotWorseThanChampion()


def _errors_of_one(evidence: Evidence, metrics: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    labels, p = evidence.labels, evidence.sound_probabilities
    for name in metrics:
        if name == "roc_auc":
            churners = int(labels.sum())
            yield name, hanley_mcneil(auc(labels, p).value, churners, len(labels) - churners)
        elif name in LOSSES:
            yield (
                name,
                float(np.std(LOSSES[name](labels.astype(np.float64), p), ddof=1) / np.sqrt(len(labels))),
            )
        else:
            policy = evidence.manifest.decision
            metric = {**METRICS, **decision_metrics(policy)}[name]
            found = bootstrap(labels, p, {name: metric}, level=0.6827, values=policy.values(evidence.raw))[
                name
            ]
            yield name, (found.high - found.low) / 2  # one standard error to either side
