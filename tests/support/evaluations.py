"""Projects that are ready for evaluation: prepared customers and a hand-made candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churn_core.bundle import Bundle, Scorer
from churn_core.bundle.manifest import Lineage
from churn_core.features import read_columns, reference
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.metrics import METRICS
from churn_core.schemas import SchemaSpec, TelcoVisionCustomer
from churn_core.train.prepared import load_prepared
from tests.support.bundles import logistic_bundle
from tests.support.projects import Project, write_csv

__all__ = ["WEIGHTS", "add_candidate", "ready"]

# Close to the law by which the customers are drawn.
WEIGHTS = {
    "contract_type=Month-to-Month": 1.26,
    "contract_type=Two year": -0.67,
    "internet_service=Fiber optic": 0.54,
    "payment_method=Electronic check": 0.71,
    "tenure_months": -0.022,
}


def ready(root: Path, rows: int = 1500, seed: int = 0, **sections: Any) -> Project:
    """Drawn customers, prepared, with a candidate that knows their law."""
    root.mkdir(parents=True, exist_ok=True)
    write_csv(root / "mine.csv", rows=rows, seed=seed)
    project = Project(root, **sections)
    project.prepare()
    add_candidate(root)
    return project


def add_candidate(
    root: Path,
    spec: SchemaSpec = TelcoVisionCustomer.spec,
    weights: dict[str, float] = WEIGHTS,
    **changes: Any,
) -> Bundle:
    """A candidate whose lineage fits the prepared data; `changes` replace fields of its manifest."""
    data = load_prepared(root, spec)
    lineage = Lineage(
        dataset="csv",
        train_digest=data.train_digest,
        train_rows=len(data.train.labels),
        churn_rate=float(data.train.labels.mean()),
        holdout_digest=data.holdout_digest,
        holdout_rows=data.holdout_features.num_rows,
        split_seed=0,
        params_digest="0" * 64,
        git_commit="c" * 40,
        libraries={"numpy": "1.26.4"},
    )
    lineage = lineage.model_copy(update=changes.pop("lineage", {}))
    typical = reference(read_columns(spec, data.train.table).raw)
    changes = {"intercept": -0.9, "lineage": lineage, "reference": typical, **changes}
    folder = root / "models/candidate"
    scorer = Scorer(logistic_bundle(folder, spec, weights, **changes))
    found = scorer.probabilities(read_columns(spec, data.train.table).raw)
    metrics = bootstrap(data.train.labels, found, {name: METRICS[name] for name in ("roc_auc", "log_loss")})
    return logistic_bundle(folder, spec, weights, **{"metrics": metrics, **changes})
