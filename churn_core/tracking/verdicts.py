"""Verdicts of the gate, kept beside the versions that they are about.

The whole verdict is a file of the version's run, named by its digest, so that the evidence of
every promotion stays; beside it lies its seal, which says when it was given. Tags of the version
point to the last one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from churn_core.errors import GateRefused
from churn_core.gate import Verdict, markdown, read_verdict
from churn_core.params import Params
from churn_core.tracking.artifacts import read_artifact
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.seals import Seal, read_seal, seal
from churn_core.tracking.versions import Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["attach_verdict", "keep_verdict", "last_verdict", "read_stored", "store_verdict", "stored_seal"]

_DIGEST, _RESULT = "gate.verdict", "gate.passed"


def store_verdict(
    params: Params, verdict: Verdict, root: Path = Path(), sealed: Seal | None = None
) -> tuple[str, ...]:
    """Keep a verdict beside every version of the candidate's bundle.

    Args:
        sealed: By default it is sealed now.

    Returns:
        The versions; none where the candidate is not registered.

    Raises:
        RegistryError: The registry does not answer.
    """
    where = tracking(params, root)
    if not verdict.candidate or (where.database is not None and not where.database.exists()):
        return ()
    with connect(where) as client:
        return attach_verdict(client, where.model, verdict, sealed or seal(verdict))


def attach_verdict(client: MlflowClient, model: str, verdict: Verdict, sealed: Seal) -> tuple[str, ...]:
    """The same, for a client that stands already."""
    judged: list[str] = []
    for version in client.search_model_versions(f"name = '{model}'"):
        if version.tags.get("bundle_digest") == verdict.candidate and version.run_id:
            keep_verdict(client, version.run_id, verdict, sealed)
            client.set_model_version_tag(model, version.version, _DIGEST, verdict.digest)
            client.set_model_version_tag(model, version.version, _RESULT, str(verdict.passed).lower())
            judged.append(str(version.version))
    return tuple(judged)


def last_verdict(where: Tracking, version: Version) -> Verdict:
    """The last verdict about a version.

    Raises:
        GateRefused: There is none, or it was changed.
    """
    digest = version.tags.get(_DIGEST)
    if not digest:
        raise GateRefused(
            f"version {version.version} of {version.model!r} was not judged; "
            f"run `churn gate --candidate models:/{version.model}/{version.version}`"
        )
    return read_stored(where, version, digest)


def read_stored(where: Tracking, version: Version, digest: str) -> Verdict:
    """The verdict of that digest about a version.

    Raises:
        GateRefused: It was changed, or is about another bundle.
        RegistryError: It cannot be fetched.
    """
    verdict = read_verdict(read_artifact(where, version, _path(digest, "json")))
    if verdict.digest != digest:
        raise GateRefused(f"the verdict beside version {version.version} of {version.model!r} was replaced")
    return verdict


def stored_seal(where: Tracking, version: Version, digest: str) -> Seal:
    """The seal of the verdict of that digest about a version.

    Raises:
        GateRefused: It is another verdict's.
        RegistryError: There is none, or it cannot be fetched.
    """
    return read_seal(read_artifact(where, version, _path(digest, "seal")), digest)


def keep_verdict(client: MlflowClient, run_id: str, verdict: Verdict, sealed: Seal) -> None:
    """Write a verdict into a run, under its digest."""
    files = {"json": verdict.to_bytes(), "md": markdown(verdict).encode(), "seal": sealed.to_bytes()}
    with tempfile.TemporaryDirectory() as scratch:
        for suffix, content in files.items():
            path = Path(scratch) / _path(verdict.digest, suffix)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, scratch)


def _path(digest: str, suffix: str) -> str:
    return f"gate/{digest}.{suffix}"
