"""A training as an MLflow run: parameters, metrics, leaderboard, files, model."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_core.bundle import Bundle, Manifest
from churn_core.params import Params
from churn_core.tracking.artifacts import MODEL
from churn_core.tracking.config import Tracking
from churn_core.tracking.model import save_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["log_run"]

_LEADERBOARD = Path("outputs/leaderboard.json")
# Where files of the project go in the run; those that do not exist are left out.
_ARTIFACTS = (
    ("outputs/metrics", "metrics"),
    ("outputs/figures", "figures"),
    ("outputs/plots", "plots"),
    ("outputs/report.html", None),
    ("outputs/report.md", None),
    ("outputs/leaderboard.csv", None),
    ("outputs/leaderboard.json", None),
)
_AT_ONCE = 100  # what MLflow takes in one request


def log_run(
    client: MlflowClient,
    where: Tracking,
    params: Params,
    root: Path | None,
    bundle: Bundle,
    metrics: Mapping[str, Any],
) -> str:
    """Log one run; where that is interrupted, the run stays as failed.

    The costs that are logged are those of the bundle, whose policy may have been changed.

    Args:
        root: The project whose `outputs/` are about this bundle; `None` if they are not.
        metrics: The content of `metrics.json`.

    Returns:
        The run's id; the model lies in its artifact `model`.
    """
    params = params.model_copy(update={"costs": bundle.manifest.decision.costs})
    name = f"{bundle.manifest.trainer}-{bundle.manifest.digest[:8]}"
    run_id: str = client.create_run(_experiment(client, where), run_name=name).info.run_id
    finished = False
    try:
        _log_numbers(client, run_id, params, root, bundle.manifest, metrics)
        for path, target in [(root / name, target) for name, target in _ARTIFACTS] if root else ():
            if path.is_dir():
                client.log_artifacts(run_id, str(path), target)
            elif path.is_file():
                client.log_artifact(run_id, str(path), target)
        client.log_dict(run_id, params.model_dump(mode="json", by_alias=True), "params.json")
        with tempfile.TemporaryDirectory() as scratch:
            save_model(bundle, Path(scratch) / MODEL)
            client.log_artifacts(run_id, str(Path(scratch) / MODEL), MODEL)
        finished = True
    finally:
        client.set_terminated(run_id, "FINISHED" if finished else "FAILED")
    return run_id


def _experiment(client: MlflowClient, where: Tracking) -> str:
    found = client.get_experiment_by_name(where.experiment)
    if found is None:
        location = None if where.artifacts is None else where.artifacts.as_uri()
        return client.create_experiment(where.experiment, artifact_location=location)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _log_numbers(
    client: MlflowClient,
    run_id: str,
    params: Params,
    root: Path | None,
    manifest: Manifest,
    metrics: Mapping[str, Any],
) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    now = get_current_time_millis()
    rows = _leaderboard(root) if root else []
    numbers = {**dict(_numbers(metrics)), **dict(_leaderboard_numbers(rows))}
    entries = {
        "metrics": [Metric(name, value, now, 0) for name, value in numbers.items()],
        "params": [
            Param(name, value) for name, value in _flat(params.model_dump(mode="json", by_alias=True))
        ],
        "tags": [RunTag(name, value) for name, value in _tags(manifest).items()],
    }
    for kind, values in entries.items():
        for start in range(0, len(values), _AT_ONCE):
            client.log_batch(run_id, **{kind: values[start : start + _AT_ONCE]})
    if rows:
        client.log_table(run_id, _table(rows), "leaderboard.table.json")


def _numbers(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every finite number: `roc_auc`, `roc_auc_low`, `roc_auc_high`."""
    for key, value in content.items():
        name = f"{prefix}_{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _numbers(value, name)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield name.removesuffix("_value"), float(value)


def _leaderboard(root: Path) -> list[dict[str, Any]]:
    try:
        return json.loads((root / _LEADERBOARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def _leaderboard_numbers(rows: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    for row in rows:
        yield from _numbers({"cv": {row["model"]: row.get("metrics", {})}})


def _table(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    flat = [dict(_flat(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: [row.get(name, "") for row in flat] for name in names}


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _tags(manifest: Manifest) -> dict[str, str]:
    lineage = manifest.lineage
    return {
        "bundle_digest": manifest.digest,
        "schema": manifest.schema_spec.name,
        "schema_fingerprint": manifest.schema_fingerprint,
        "dataset": lineage.dataset,
        "train_digest": lineage.train_digest,
        "holdout_digest": lineage.holdout_digest,
        "params_digest": lineage.params_digest,
        "policy_digest": manifest.decision.digest,
        "policy_version": str(manifest.decision.version),
        "parent_bundle": lineage.parent,
        "mlflow.source.git.commit": lineage.git_commit.removesuffix("+dirty"),
        "git_commit": lineage.git_commit,
    }
