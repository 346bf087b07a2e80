"""Does the model hold for every group of customers?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from churn_core.gate.compare import loss_difference
from churn_core.gate.delong import auc, auc_difference
from churn_core.gate.evidence import Evidence
from churn_core.gate.groups import Group, all_groups, slice_groups
from churn_core.gate.inference import Normal, holm
from churn_core.gate.sample import Floats
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["Slices"]

_Tolerance = Annotated[FiniteFloat, Field(ge=0)]


@dataclass(frozen=True)
class _Finding:
    """One number of one group.

    Attributes:
        bound: What the true number may be.
    """

    group: str
    title: str
    found: Normal
    bound: Bound

    @property
    def name(self) -> str:
        return f"{self.group}: {self.title}"

    def p_value(self) -> float:
        """How likely a group at the edge of what is allowed looks as bad as this one, or worse."""
        low, high = self.bound.at_least, self.bound.at_most
        return min(
            1.0 if low is None else self.found.p_below(low), 1.0 if high is None else self.found.p_above(high)
        )

    def estimate(self, level: float) -> Estimate:
        return Estimate(**self.found.interval(level).model_dump())

    def __str__(self) -> str:
        return f"{self.title} of {self.group} is {self.found.value:+.3f} ({self.bound} allowed)"


class Slices(Frozen):
    """No group may be served worse than is allowed, beyond what chance explains.

    Groups are the schema's slices and the values of its other categories and flags. In each
    the churn rate has to fit the mean probability, the Brier score what the probabilities promise, and the
    ROC AUC that of all other customers; where a champion can be asked, AUC and log loss must not be much
    worse than its own in the group. Among so many numbers some look bad by chance alone: Holm's
    method keeps the risk to refuse a tolerable model below `1 - confidence`, all of them together.

    Attributes:
        fields: `all` for every group, `slices` for those of the schema's slices only.
        gap: Allowed distance of churn rate and mean probability.
        brier_excess: Allowed Brier score beyond what the probabilities promise.
        roc_auc: How much lower the AUC may be than among all other customers. Groups that one
            strong reason to leave has in common are harder to sort, without any fault of the model.
        champion: How much worse AUC and log loss may be than the champion's.
        rows: Customers in the smallest group that is judged; smaller ones are named.
        churners: Fewest who left, and fewest who stayed, where an AUC is judged.
        confidence: See above.
        otherwise: What to answer where a group is served worse.
    """

    fields: Literal["all", "slices"] = "all"
    gap: _Tolerance = 0.05
    brier_excess: _Tolerance = 0.03
    roc_auc: _Tolerance = 0.15
    champion: _Tolerance = 0.03
    rows: Annotated[int, Field(ge=2)] = 100
    churners: Annotated[int, Field(ge=2)] = 20
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    otherwise: Literal["fail", "warn"] = "fail"

    def check(self, evidence: Evidence) -> CheckResult:
        choose = all_groups if self.fields == "all" else slice_groups
        groups = list(choose(evidence.raw))
        large = [group for group in groups if group.members.sum() >= self.rows]
        small = [str(group) for group in groups if group.members.sum() < self.rows]
        findings = [one for group in large for one in self._look(evidence, group)]
        if not findings:
            return CheckResult(status="skip", sentence="The schema has no groups of enough customers.")
        p_values = [one.p_value() for one in findings]
        refuted = holm(p_values, 1 - self.confidence)
        wrong = [one for one, yes in zip(findings, refuted, strict=True) if yes]
        shown = wrong or [findings[int(np.argmin(p_values))]]
        return CheckResult(
            status=self.otherwise if wrong else "pass",
            sentence=_sentence(wrong, len(large)),
            numbers={"groups": len(large), "groups too small": len(small), "numbers": len(findings)},
            intervals={one.name: one.estimate(self.confidence) for one in shown},
            thresholds={one.name: one.bound for one in shown},
            details=(*map(str, shown), *((f"too small to judge: {', '.join(small)}",) if small else ())),
        )

    def _look(self, evidence: Evidence, group: Group) -> Iterator[_Finding]:
        inside, name = group.members, str(group)
        labels, p = evidence.labels, evidence.sound_probabilities
        gap, excess = _surprises(labels[inside], p[inside])
        yield _Finding(name, "churn rate less mean probability", gap, _within(self.gap))
        yield _Finding(name, "Brier score beyond what is promised", excess, Bound(at_most=self.brier_excess))
        sortable = min(np.bincount(labels[inside], minlength=2)) >= self.churners
        if sortable and min(np.bincount(labels[~inside], minlength=2)) >= self.churners:
            here, there = auc(labels[inside], p[inside]), auc(labels[~inside], p[~inside])
            apart = Normal(here.value - there.value, float(np.hypot(here.error, there.error)))
            yield _Finding(name, "ROC AUC less that of others", apart, Bound(at_least=-self.roc_auc))
        rivals = evidence.comparison
        if rivals is not None and not rivals.same:
            three = labels[inside], p[inside], rivals.champion[inside]
            worse = loss_difference("log_loss", *three)
            yield _Finding(name, "log loss less the champion's", worse, Bound(at_most=self.champion))
            if sortable:
                lead = auc_difference(*three)
                yield _Finding(name, "ROC AUC less the champion's", lead, Bound(at_least=-self.champion))


def _surprises(labels: NDArray[np.int64], p: Floats) -> tuple[Normal, Normal]:
    """Churn rate less mean probability, and the Brier score beyond what is promised.

    Errors are those of outcomes that follow the probabilities.
    """
    surprise, noise, lever = labels - p, p * (1 - p), 1 - 2 * p
    rows = len(p)
    return (
        Normal(float(np.mean(surprise)), float(np.sqrt(np.mean(noise) / rows))),
        Normal(float(np.mean(surprise * lever)), float(np.sqrt(np.mean(noise * lever**2) / rows))),
    )


def _within(tolerance: float) -> Bound:
    return Bound(at_least=0.0 - tolerance, at_most=tolerance)


def _sentence(wrong: list[_Finding], groups: int) -> str:
    if not wrong:
        return f"The model holds in all {groups} groups of customers, as far as they can tell."
    names = list(dict.fromkeys(one.group for one in wrong))
    which = f"{names[0]}" if len(names) == 1 else f"{len(names)} groups, {', '.join(names[:3])} among them"
    return f"The model serves some customers worse than is allowed ({which}): {wrong[0]}."
