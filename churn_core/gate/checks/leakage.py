"""Do the data, or the model, know what nobody can know before a customer leaves?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from churn_core.features import Encoder, RawTable, derived_features
from churn_core.gate.delong import hanley_mcneil
from churn_core.gate.evidence import Evidence
from churn_core.gate.groups import wilson
from churn_core.gate.measured import recorded
from churn_core.gate.metrics import METRICS
from churn_core.gate.suspicion import Ints, determined, field_auc, is_ordered, is_unique, ranks
from churn_core.gate.twins import Twins, twins
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas.rules import Frozen

__all__ = ["Leakage"]

_Share = Annotated[float, Field(gt=0, lt=1)]
# Standard errors: some fifty questions are asked, and honest data are to pass all of them.
_SURE = 3.3
_LEAST = 30  # customers that speak for something
_NATURAL = 0.8  # of customers who are alike by chance at most so many share their outcome, of copies all


class _Suspicion(NamedTuple):
    status: Literal["fail", "warn"]
    text: str


class Leakage(Frozen):
    """Suspicion, not proof: what looks too good to be known before the outcome.

    Attributes:
        field_auc: ROC AUC that no single field or feature may confidently pass.
        model_auc: ROC AUC that the model may not confidently pass on the hold-out.
        gain: By how much its ROC AUC there may pass the one that training estimated out of fold.
        purity: A value or range that this share of customers or more with one outcome confidently
            have decides the outcome.
        twins: Share of the hold-out that may confidently be near copies of training customers.
        near: How far each number of two near copies may differ, in standard deviations.
        unique: Share of different values from which a field looks like a number that names
            customers.
    """

    field_auc: _Share = 0.85
    model_auc: _Share = 0.95
    gain: _Share = 0.03
    purity: _Share = 0.95
    twins: _Share = 0.05
    near: Annotated[float, Field(ge=0, lt=1)] = 0.01
    unique: _Share = 0.95

    def check(self, evidence: Evidence) -> CheckResult:
        raw, labels = evidence.raw, evidence.labels
        strengths = _strengths(evidence)
        auc = float(METRICS["roc_auc"](labels, evidence.probabilities))
        alike = None if evidence.training_raw is None else twins(evidence.training_raw, raw, self.near)
        found = (
            *(self._copies(alike, evidence) if alike else ()),
            *self._too_good(strengths, labels),
            *self._deciding(evidence),
            *self._naming(raw),
            *self._model_too_good(auc, evidence),
        )
        failed = any(one.status == "fail" for one in found)
        return CheckResult(
            status="fail" if failed else "warn" if found else "pass",
            sentence=_sentence(found, strengths),
            numbers={
                "roc_auc": auc,
                "field_auc": max(strengths.values()),
                **({"twins": alike.share} if alike else {}),
            },
            thresholds={
                "roc_auc": Bound(at_most=self.model_auc),
                "field_auc": Bound(at_most=self.field_auc),
            },
            details=tuple(one.text for one in found),
        )

    def _too_good(self, strengths: dict[str, float], labels: Ints) -> Iterator[_Suspicion]:
        for name, auc in strengths.items():
            if _at_least(auc, labels) > self.field_auc:
                text = f"{name!r} alone tells who leaves, ROC AUC {auc:.3f} ({self.field_auc:g} allowed)"
                yield _Suspicion("fail", text)

    def _model_too_good(self, auc: float, evidence: Evidence) -> Iterator[_Suspicion]:
        expected = evidence.manifest.metrics.get("roc_auc")
        error = math.hypot(_error(auc, evidence.labels), recorded(expected).error) if expected else 0.0
        if expected and auc - expected.value > max(self.gain, _SURE * error):
            text = (
                f"the model is better on the held-out customers (ROC AUC {auc:.3f}) than training "
                f"expected (at most {expected.high:.3f}), as if it had seen them"
            )
            yield _Suspicion("fail", text)
        if _at_least(auc, evidence.labels) > self.model_auc:
            text = f"the model's ROC AUC of {auc:.3f} is too good for people ({self.model_auc:g} allowed)"
            yield _Suspicion("fail", text)

    def _deciding(self, evidence: Evidence) -> Iterator[_Suspicion]:
        raws, labels = [evidence.raw.values], [evidence.labels]
        if evidence.training is not None and evidence.training_raw is not None:
            raws.append(evidence.training_raw.values)
            labels.append(evidence.training.labels)
        raw = RawTable(evidence.raw.spec, np.concatenate(raws))
        for group in determined(raw, np.concatenate(labels), self.purity, _LEAST, _SURE):
            what = "left" if group.churned else "stayed"
            text = f"{group.share:.1%} of {group.rows} customers with {group.name} {what}: that decides it"
            yield _Suspicion("fail", text)

    def _naming(self, raw: RawTable) -> Iterator[_Suspicion]:
        for index, field in enumerate(raw.spec.fields):
            column = raw.values[:, index]
            ordered = field.role == "numeric" and is_ordered(column)
            if is_unique(field, column, self.unique):
                text = f"{field.name!r} differs between nearly all customers, like a number that names them"
                yield _Suspicion("fail" if ordered or field.role == "category" else "warn", text)
            elif ordered:
                yield _Suspicion(
                    "warn", f"{field.name!r} follows the order of the rows, like a serial number"
                )

    def _copies(self, alike: Twins, evidence: Evidence) -> Iterator[_Suspicion]:
        training, rows = evidence.training, int(alike.found.sum())
        if training is None or not rows:
            return
        same = int((training.labels[alike.of] == evidence.labels)[alike.found].sum())
        # Those who are alike by chance differ in outcome now and then; the others must be copies.
        by_chance = wilson(rows - same, rows, _SURE)[1] / (1 - _NATURAL)
        if rows * (1 - by_chance) > self.twins * alike.judged:
            text = (
                f"{alike.share:.1%} of the held-out customers have a near copy among those to fit on, and "
                f"{same / rows:.0%} of the copies have the same outcome ({self.twins:.1%} of copies allowed)"
            )
            yield _Suspicion("fail", text)


def _strengths(evidence: Evidence) -> dict[str, float]:
    """ROC AUC of each field and derived feature on its own, whichever way it points."""
    raw, manifest = evidence.raw, evidence.manifest
    found = {field.name: field_auc(raw, field, evidence.labels) for field in raw.spec.fields}
    encoder = Encoder(raw.spec, derived_features([one.name for one in manifest.derived]))
    matrix = encoder.encode(raw)
    for index, (name, source) in enumerate(zip(encoder.names, encoder.sources, strict=True)):
        if source not in found:
            auc = METRICS["roc_auc"](evidence.labels, ranks(matrix[:, index].astype(np.float64)))
            found[name] = max(auc, 1 - auc)
    return found


def _error(auc: float, labels: Ints) -> float:
    churned = int(labels.sum())
    return hanley_mcneil(auc, churned, len(labels) - churned)


def _at_least(auc: float, labels: Ints) -> float:
    return auc - _SURE * _error(auc, labels)


def _sentence(found: tuple[_Suspicion, ...], strengths: dict[str, float]) -> str:
    if found:
        first = min(found, key=lambda one: one.status)  # `fail` comes before `warn`
        return f"The data may give the answer away: {first.text}."
    name = max(strengths, key=lambda each: strengths[each])
    strongest = f"the strongest single field is {name!r} (ROC AUC {strengths[name]:.3f})"
    return f"Nothing gives the answer away: {strongest}."
