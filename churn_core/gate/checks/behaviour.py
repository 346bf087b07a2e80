"""Does the model do what any sensible model of these customers does?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_core.errors import ParamsError
from churn_core.features import RawTable
from churn_core.features.columns import rule_holds
from churn_core.gate.delong import hanley_mcneil
from churn_core.gate.evidence import Evidence
from churn_core.gate.groups import wilson
from churn_core.gate.metrics import roc_auc
from churn_core.gate.suspicion import ranks
from churn_core.gate.verdict import Bound, CheckResult, Status
from churn_core.schemas import Implies, SchemaSpec
from churn_core.schemas.checks import expectation_faults
from churn_core.schemas.expectations import Expectation, Monotone
from churn_core.schemas.rules import Frozen, Scalar
from churn_core.schemas.spec import FieldSpec

__all__ = ["Behaviour"]

Floats = NDArray[np.float64]
_LEAST = 20  # customers who can make the change
_SURE = 2.58  # standard errors, 99 %
_SAID: dict[Status, str] = {
    "pass": "The model does what is expected of it when one field changes",
    "warn": "The model does otherwise than expected",
    "fail": "The model does what no sensible model would",
}


class _Found(NamedTuple):
    """What became of one expectation.

    Attributes:
        share: Of customers for whom the probability did otherwise.
        trend: Mean change of the probability against the expectation.
        status: `pass`, or what is said of a model that does otherwise.
    """

    expectation: Expectation
    share: float
    trend: float
    status: Status

    def __str__(self) -> str:
        text = f"expected that {self.expectation}; for {self.share:.1%} of customers it does not"
        return f"{text}, nor on average ({self.trend:+.3f})" if self.trend > self.expectation.size else text


class Behaviour(Frozen):
    """Held-out customers are asked about again with one field changed.

    What is expected stands in the schema of the candidate and of the champion; the latter's hold
    too, so that no candidate gets rid of them by dropping them. Where outcomes of the customers
    do not confidently show a trend, a model that does not follow it is warned of, not refused:
    the expectation may be wrong for these customers.

    Attributes:
        expectations: Further ones, as the schema has them.
    """

    expectations: tuple[Expectation, ...] = ()

    def check(self, evidence: Evidence) -> CheckResult:
        spec = evidence.manifest.schema_spec
        found = [one for each in self._asked(evidence) if (one := _ask(each, evidence)) is not None]
        if not found:
            sentence = f"Nothing is expected of models of {spec.name!r} that these customers could show."
            return CheckResult(status="skip", sentence=sentence)
        broken = sorted((one for one in found if one.status != "pass"), key=lambda one: one.status)
        status = broken[0].status if broken else "pass"
        return CheckResult(
            status=status,
            sentence=_SAID[status] + (f": {broken[0]}." if broken else f" ({len(found)} asked)."),
            numbers={one.expectation.change: one.share for one in found},
            thresholds={one.expectation.change: Bound(at_most=one.expectation.share) for one in found},
            details=tuple(map(str, broken)),
        )

    def _asked(self, evidence: Evidence) -> tuple[Expectation, ...]:
        spec = evidence.manifest.schema_spec
        for fault in expectation_faults(spec, self.expectations):
            raise ParamsError(f"gate check 'behaviour': {fault}")
        champion = evidence.champion.manifest if evidence.champion else None
        before = champion.schema_spec.expectations if champion else ()
        known = [one for one in before if not [*expectation_faults(spec, (one,))]]
        return tuple(dict.fromkeys((*spec.expectations, *known, *self.expectations)))


def _ask(expectation: Expectation, evidence: Evidence) -> _Found | None:
    """`None` where hardly any customer can make the change."""
    scorer, changes = evidence.candidate.opened("the candidate"), [np.empty(0)]
    for before, after in _pairs(expectation, evidence.raw):
        answers = [scorer.probabilities(one).astype(np.float64) for one in (before, after)]
        changes.append(answers[1] - answers[0])
    change = np.concatenate(changes)
    if len(change) < _LEAST:
        return None
    if isinstance(expectation, Monotone):
        wrong = change if expectation.risk == "falls" else -change
        trend = float(wrong.mean())
    else:
        wrong, trend = np.abs(change), 0.0
    others = int((~(wrong <= expectation.size)).sum())  # an answer that is no number counts
    broken = trend > expectation.size or wilson(others, len(wrong))[0] > expectation.share
    status = _status(expectation, evidence) if broken else "pass"
    return _Found(expectation, others / len(wrong), trend, status)


def _status(expectation: Expectation, evidence: Evidence) -> Status:
    """What a model is told that does otherwise."""
    if isinstance(expectation, Monotone) and not _is_shown(expectation, evidence):
        return "warn"
    return expectation.severity


def _is_shown(expectation: Monotone, evidence: Evidence) -> bool:
    """Whether outcomes alone confidently show the trend."""
    index = evidence.raw.spec.positions[expectation.field]
    field, column = evidence.raw.spec.fields[index], evidence.raw.values[:, index]
    if field.role != "numeric":
        places = {_code(field, value): place for place, value in enumerate(expectation.values)}
        column = np.array([places.get(code, np.nan) for code in column.tolist()])
    labels, known = evidence.labels[~np.isnan(column)], column[~np.isnan(column)]
    churned = int(labels.sum())
    if not 0 < churned < len(labels):
        return False
    beyond = roc_auc(labels, ranks(known)) - 0.5
    sure = abs(beyond) > _SURE * hanley_mcneil(0.5, churned, len(labels) - churned)
    return sure and (beyond > 0) == (expectation.risk == "rises")


def _pairs(expectation: Expectation, raw: RawTable) -> Iterator[tuple[RawTable, RawTable]]:
    """Customers before and after each change, as far as both are valid."""
    index = raw.spec.positions[expectation.field]
    field, column = raw.spec.fields[index], raw.values[:, index]
    if field.role == "numeric":
        members = column + expectation.step <= field.bounds[1]
        yield _valid(raw, members, index, column[members], column[members] + expectation.step)
        return
    for first, second in pairwise(_code(field, value) for value in expectation.values):
        yield _valid(raw, (column == first) | (column == second), index, first, second)


def _valid(
    raw: RawTable, members: NDArray[np.bool_], index: int, first: Floats | float, second: Floats | float
) -> tuple[RawTable, RawTable]:
    sides = raw.values[members], raw.values[members]
    sides[0][:, index], sides[1][:, index] = first, second
    keeps = _keeps_rules(raw.spec, sides[0]) & _keeps_rules(raw.spec, sides[1])
    before, after = (RawTable(raw.spec, np.ascontiguousarray(one[keeps])) for one in sides)
    return before, after


def _keeps_rules(spec: SchemaSpec, values: Floats) -> NDArray[np.bool_]:
    raw, every = RawTable(spec, values), np.ones(len(values), dtype=bool)
    rules = [rule_holds(rule, raw) for rule in spec.rules if isinstance(rule, Implies)]
    return np.logical_and.reduce([every, *rules])


def _code(field: FieldSpec, value: Scalar) -> float:
    return float(field.values.index(str(value)) if field.values else value)
