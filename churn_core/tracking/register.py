"""One training run as one MLflow run, and its bundle as a version of the registered model."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_core.bundle import Bundle, Manifest, read_bundle
from churn_core.errors import GateRefused, StageError
from churn_core.gate import Verdict, read_verdict
from churn_core.params import Params
from churn_core.tracking.artifacts import MODEL
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.model import save_model
from churn_core.tracking.verdicts import attach_verdict
from churn_core.tracking.versions import CANDIDATE

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["BUNDLE", "Registered", "register"]

BUNDLE = Path("models/candidate")
_METRICS = Path("outputs/metrics/metrics.json")
_LEADERBOARD = Path("outputs/leaderboard.json")
# Where files of the project go in the run; those that do not exist are left out.
_ARTIFACTS = (
    ("outputs/metrics", "metrics"),
    ("outputs/figures", "figures"),
    ("outputs/plots", "plots"),
    ("outputs/report.html", None),
    ("outputs/leaderboard.csv", None),
    ("outputs/leaderboard.json", None),
)
_AT_ONCE = 100  # what MLflow takes in one request


@dataclass(frozen=True)
class Registered:
    """A bundle in the registry.

    Attributes:
        created: False where this bundle with these metrics was registered before.
    """

    model: str
    version: str
    run_id: str
    digest: str
    created: bool


def register(params: Params, root: Path = Path()) -> Registered:
    """Log the last training to MLflow and register its bundle under the alias `candidate`.

    The same bundle with the same metrics is registered once; the alias is set anyway.

    Raises:
        BundleError: There is no sound bundle in `models/candidate`.
        StageError: The evaluation is of another bundle.
        RegistryError: The registry does not answer, or refuses.
    """
    where = tracking(params, root)
    bundle = read_bundle(root / BUNDLE)
    metrics = _metrics(root, bundle.manifest)
    verdict = _verdict(root, bundle.manifest)
    with connect(where, create=True) as client:
        _ensure_model(client, where.model)
        tags = {"bundle_digest": bundle.manifest.digest, "metrics_digest": _digest(metrics)}
        found = _registered(client, where.model, tags)
        if found is None:
            run_id = _log_run(client, where, params, root, bundle, metrics)
            version = _create_version(client, where.model, run_id, tags)
        else:
            run_id, version = found
        client.set_registered_model_alias(where.model, CANDIDATE, version)
        if verdict is not None:
            attach_verdict(client, where.model, verdict)
    return Registered(where.model, version, run_id, bundle.manifest.digest, created=found is None)


def _metrics(root: Path, manifest: Manifest) -> dict[str, Any]:
    """The content of `metrics.json`; empty before the evaluation."""
    path = root / _METRICS
    if not path.exists():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StageError(f"{path} cannot be read; run `churn evaluate`") from None
    if content.get("bundle") != manifest.digest:
        raise StageError(f"{path} evaluates another bundle than {root / BUNDLE}; run `churn evaluate`")
    return content


def _verdict(root: Path, manifest: Manifest) -> Verdict | None:
    """The last verdict, if it is about this bundle."""
    try:
        verdict = read_verdict((root / "outputs/gate.json").read_bytes())
    except (OSError, GateRefused):
        return None
    return verdict if verdict.candidate == manifest.digest else None


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _registered(client: MlflowClient, model: str, tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Run and version that were made from the same bundle and metrics."""
    for version in client.search_model_versions(f"name = '{model}'"):
        if version.status == "READY" and tags.items() <= version.tags.items() and version.run_id:
            return version.run_id, str(version.version)
    return None


def _create_version(client: MlflowClient, model: str, run_id: str, tags: Mapping[str, str]) -> str:
    source = f"{client.get_run(run_id).info.artifact_uri}/{MODEL}"
    version = client.create_model_version(model, source, run_id, tags=dict(tags), await_creation_for=60)
    return str(version.version)


def _log_run(
    client: MlflowClient,
    where: Tracking,
    params: Params,
    root: Path,
    bundle: Bundle,
    metrics: Mapping[str, Any],
) -> str:
    name = f"{bundle.manifest.trainer}-{bundle.manifest.digest[:8]}"
    run_id: str = client.create_run(_experiment(client, where), run_name=name).info.run_id
    finished = False
    try:
        _log_numbers(client, run_id, params, root, bundle.manifest, metrics)
        for path, target in _ARTIFACTS:
            if (root / path).is_dir():
                client.log_artifacts(run_id, str(root / path), target)
            elif (root / path).is_file():
                client.log_artifact(run_id, str(root / path), target)
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
    root: Path,
    manifest: Manifest,
    metrics: Mapping[str, Any],
) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    now = get_current_time_millis()
    rows = _leaderboard(root)
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
        "mlflow.source.git.commit": lineage.git_commit.removesuffix("+dirty"),
        "git_commit": lineage.git_commit,
    }
