"""One training run as one MLflow run, and its bundle as a version of the registered model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_core.bundle import Manifest, read_bundle
from churn_core.errors import GateRefused, StageError
from churn_core.gate import Verdict, read_verdict
from churn_core.params import Params
from churn_core.tracking.artifacts import MODEL
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.ledger import LEDGER, new_ledger
from churn_core.tracking.runs import log_run
from churn_core.tracking.seals import Seal, read_seal
from churn_core.tracking.verdicts import attach_verdict
from churn_core.tracking.versions import CANDIDATE

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["BUNDLE", "Registered", "register"]

BUNDLE = Path("models/candidate")
_METRICS = Path("outputs/metrics/metrics.json")
_REPORT = Path("outputs/report.md")
_LONGEST = 5000  # characters that MLflow keeps of a description


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


def register(params: Params, root: Path = Path(), folder: Path | None = None) -> Registered:
    """Log the last training to MLflow and register its bundle under the alias `candidate`.

    The same bundle with the same metrics is registered once; the alias is set anyway.

    Args:
        folder: Of another bundle than `models/candidate`. What `outputs/` says of other bundles
            is then left out.

    Raises:
        BundleError: There is no sound bundle.
        StageError: The evaluation is of another bundle than `models/candidate`.
        RegistryError: The registry does not answer, or refuses.
    """
    where = tracking(params, root)
    bundle = read_bundle(folder or root / BUNDLE)
    metrics = _metrics(root)
    is_evaluated = metrics.get("bundle") == bundle.manifest.digest
    if metrics and not is_evaluated and folder is None:
        raise StageError(
            f"{root / _METRICS} evaluates another bundle than {root / BUNDLE}; run `churn evaluate`"
        )
    outputs = root if is_evaluated or folder is None else None
    metrics = metrics if is_evaluated else {}
    verdict = _verdict(root, bundle.manifest)
    with connect(where, create=True) as client:
        _ensure_model(where, client)
        tags = {"bundle_digest": bundle.manifest.digest, "metrics_digest": _digest(metrics)}
        found = _registered(client, where.model, tags)
        if found is None:
            run_id = log_run(client, where, params, outputs, bundle, metrics)
            told = _description(root) if is_evaluated else ""
            version = _create_version(client, where.model, run_id, tags, told)
        else:
            run_id, version = found
        client.set_registered_model_alias(where.model, CANDIDATE, version)
        if verdict is not None:
            attach_verdict(client, where.model, *verdict)
    return Registered(where.model, version, run_id, bundle.manifest.digest, created=found is None)


def _metrics(root: Path) -> dict[str, Any]:
    """The content of `metrics.json`; empty before the evaluation."""
    path = root / _METRICS
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StageError(f"{path} cannot be read; run `churn evaluate`") from None


def _verdict(root: Path, manifest: Manifest) -> tuple[Verdict, Seal] | None:
    """The last verdict with its seal, if it is about this bundle."""
    try:
        verdict = read_verdict((root / "outputs/gate.json").read_bytes())
        sealed = read_seal((root / "outputs/gate.seal").read_bytes(), verdict.digest)
    except (OSError, GateRefused):
        return None
    return (verdict, sealed) if verdict.candidate == manifest.digest else None


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ensure_model(where: Tracking, client: MlflowClient) -> None:
    from mlflow.exceptions import MlflowException

    name = where.model
    if client.search_registered_models(f"name = '{name}'"):
        return
    try:
        # With its ledger from the first moment: who makes the model makes the only one.
        client.create_registered_model(name, tags={LEDGER: new_ledger(where, client)})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _registered(client: MlflowClient, model: str, tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Run and version that were made from the same bundle and metrics."""
    for version in client.search_model_versions(f"name = '{model}'"):
        if version.status == "READY" and tags.items() <= version.tags.items() and version.run_id:
            return version.run_id, str(version.version)
    return None


def _description(root: Path) -> str:
    """The report's first page as text; empty before the evaluation."""
    try:
        report = (root / _REPORT).read_text(encoding="utf-8")
    except OSError:
        return ""
    return "\n## ".join(report.split("\n## ")[:2])[:_LONGEST]


def _create_version(
    client: MlflowClient, model: str, run_id: str, tags: Mapping[str, str], description: str
) -> str:
    source = f"{client.get_run(run_id).info.artifact_uri}/{MODEL}"
    version = client.create_model_version(
        model, source, run_id, tags=dict(tags), description=description, await_creation_for=60
    )
    return str(version.version)
