"""Are people of protected groups treated alike?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, FiniteFloat

from churn_core.gate.evidence import Evidence
from churn_core.gate.groups import Group, field_groups
from churn_core.gate.inference import Normal, holm
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["Fairness", "share_difference"]

Mask = NDArray[np.bool_]


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the bound that warns must not exceed the one that fails")
    return bounds


_Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
_Bounds = Annotated[tuple[_Share, _Share], AfterValidator(_rising)]


@dataclass(frozen=True)
class _Finding:
    """One measure of two groups.

    Attributes:
        bounds: From which difference to warn, and to fail.
    """

    name: str
    text: str
    found: Normal
    bounds: tuple[float, float]

    def p_value(self, bound: float) -> float:
        """How likely groups that differ by no more than `bound` look as different as these, or more."""
        size = Normal(abs(self.found.value), self.found.error)
        return size.p_above(bound)

    def __str__(self) -> str:
        return f"{self.text} ({abs(self.found.value):.1%} apart, {self.bounds[0]:.0%} are expected at most)"


class Fairness(Frozen):
    """Differences between groups of the fields that the schema calls protected.

    *Equal opportunity*: of those who left, how many the model would have had contacted (Hardt,
    Price and Srebro, "Equality of opportunity in supervised learning", NeurIPS 2016). *Demographic
    parity*: how many it has contacted at all. Both at the bundle's threshold, for each two groups of a field.
    The second differs wherever groups leave unequally often, also for a perfect model, so
    it is given more room.

    Each measure has two bounds: a difference that is beyond the first with confidence is
    worth a look and warns, beyond the second it fails. Holm's method holds for all comparisons together.

    Attributes:
        equal_opportunity: Differences from which to warn and to fail.
        demographic_parity: The same.
        rows: Customers, for equal opportunity customers who left, in the smallest group that is
            compared; smaller ones are named.
        fields: Fields to compare besides those that the schema calls protected.
        confidence: See above.
    """

    equal_opportunity: _Bounds = (0.1, 0.25)
    demographic_parity: _Bounds = (0.2, 0.5)
    rows: Annotated[int, Field(ge=2)] = 30
    fields: tuple[str, ...] = ()
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95

    def check(self, evidence: Evidence) -> CheckResult:
        spec = evidence.raw.spec
        names = tuple(dict.fromkeys((*(one.name for one in spec.fields if one.protected), *self.fields)))
        if not names:
            return CheckResult(status="skip", sentence="The schema calls no field protected.")
        policy = evidence.manifest.decision
        chosen = evidence.sound_probabilities >= policy.threshold_of(policy.values(evidence.raw))
        left = evidence.labels > 0
        findings: list[_Finding] = []
        small: list[str] = []
        for name in names:
            groups = list(field_groups(evidence.raw, name))
            findings += self._compare(groups, chosen, left, small)
        return self._result(findings, small)

    def _compare(self, groups: list[Group], chosen: Mask, left: Mask, small: list[str]) -> Iterator[_Finding]:
        everybody = np.ones_like(left)
        for key, among, bounds, words in (
            ("equal opportunity", left, self.equal_opportunity, "of those who left"),
            ("demographic parity", everybody, self.demographic_parity, "of all"),
        ):
            large = [group for group in groups if (group.members & among).sum() >= self.rows]
            small += [f"{group} ({key})" for group in groups if group not in large]
            for one, other in combinations(large, 2):
                first, second = chosen[one.members & among], chosen[other.members & among]
                rates = " and ".join(f"{left[group.members].mean():.1%}" for group in (one, other))
                text = (
                    f"{first.mean():.1%} {words} are contacted where {one} and "
                    f"{second.mean():.1%} where {other}; {rates} left"
                )
                found = share_difference(first, second)
                yield _Finding(f"{key}, {one} less {other.name}", text, found, bounds)

    def _result(self, findings: list[_Finding], small: list[str]) -> CheckResult:
        if not findings:
            sentence = "No two protected groups have enough customers to be compared."
            return CheckResult(status="skip", sentence=sentence, details=tuple(small))
        doubtful, unfair = (self._beyond(findings, severity) for severity in (0, 1))
        shown = unfair or doubtful
        largest = max(findings, key=lambda one: abs(one.found.value))
        sentence = (
            f"Protected groups are treated differently: {shown[0]}."
            if shown
            else f"No protected group is treated differently beyond what is allowed; the most: {largest}."
        )
        return CheckResult(
            status="fail" if unfair else "warn" if doubtful else "pass",
            sentence=sentence,
            intervals={
                one.name: Estimate(**one.found.interval(self.confidence).model_dump()) for one in findings
            },
            thresholds={one.name: Bound(at_least=-one.bounds[1], at_most=one.bounds[1]) for one in findings},
            details=(*map(str, shown), *((f"too small to compare: {', '.join(small)}",) if small else ())),
        )

    def _beyond(self, findings: list[_Finding], severity: int) -> list[_Finding]:
        p_values = [one.p_value(one.bounds[severity]) for one in findings]
        refuted = holm(p_values, 1 - self.confidence)
        return [one for one, yes in zip(findings, refuted, strict=True) if yes]


def share_difference(first: Mask, second: Mask) -> Normal:
    """The share of the first who are chosen, less that of the second.

    The error is that of Agresti and Caffo, "Simple and effective confidence intervals for
    proportions and differences of proportions", The American Statistician 54, 2000: as if in each group one
    more were chosen and one more were not.
    """
    spread = 0.0
    for chosen in (first, second):
        share, rows = (chosen.sum() + 1) / (len(chosen) + 2), len(chosen) + 2
        spread += share * (1 - share) / rows
    return Normal(float(first.mean() - second.mean()), float(np.sqrt(spread)))
