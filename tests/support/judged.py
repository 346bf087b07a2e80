"""Evidence for single checks: customers that a test can spoil, and models that answer oddly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Scorer
from churn_core.bundle.manifest import Interval
from churn_core.features import RawTable, read_columns
from churn_core.features.reference import field_value
from churn_core.gate import EvaluationData, Evidence, contender
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.metrics import METRICS
from churn_core.params import GateParams
from churn_core.schemas import SchemaSpec
from tests.support.bundles import logistic_bundle
from tests.support.gate import HOLDOUT, evaluation

__all__ = ["Odd", "customers", "honest", "odd", "raw_of", "recorded", "taken"]


class Odd(Scorer):
    """A scorer whose answers go through `change`, which is given the customers too."""

    change: Callable[[NDArray[np.float32], RawTable], NDArray[np.float32]] | None = None

    def probabilities(self, raw: RawTable) -> NDArray[np.float32]:
        answers = super().probabilities(raw)
        return self.change(answers, raw) if self.change else answers


def odd(folder: Path, change: Callable[[Any, RawTable], Any], **changes: Any) -> Odd:
    scorer = Odd(logistic_bundle(folder, **changes))
    scorer.change = change
    return scorer


def raw_of(spec: SchemaSpec, data: EvaluationData) -> RawTable:
    return read_columns(spec, data.columns).raw


def customers(raw: RawTable, labels: NDArray[np.int64]) -> EvaluationData:
    """Raw customers as a check is given them."""
    columns = {
        field.name: np.array([field_value(field, v) for v in raw.values[:, i]], dtype=object)
        for i, field in enumerate(raw.spec.fields)
    }
    return EvaluationData(columns, labels, HOLDOUT, 0)


def taken(raw: RawTable, labels: NDArray[np.int64], rows: Any) -> EvaluationData:
    """Some of the customers, some perhaps more than once."""
    return customers(RawTable(raw.spec, raw.values[rows]), labels[rows])


def recorded(labels: Any, probabilities: Any) -> dict[str, Interval]:
    """Metrics as a manifest would carry them."""
    return bootstrap(labels, probabilities, {name: METRICS[name] for name in ("roc_auc", "log_loss")}, 200)


def honest(scorer: Scorer, rows: int = 1500, seed: int = 0, **changes: Any) -> Evidence:
    """A model, customers on both sides of a split who follow it, and a manifest that says so."""
    training = evaluation(scorer, 3 * rows, seed=1000 + seed)
    data = evaluation(scorer, rows, seed=seed)
    chances = scorer.probabilities(raw_of(scorer.bundle.schema_spec, training))
    scorer.bundle = scorer.bundle.model_copy(update={"metrics": recorded(training.labels, chances)}).sealed()
    found = Evidence(contender(scorer), None, data, GateParams(), training)
    return replace(found, **changes)
