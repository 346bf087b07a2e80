"""The check before a deploy: what is in production is what the gate let pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_core.errors import BundleError, GateRefused, RegistryError
from churn_core.params import Params
from churn_core.tracking.artifacts import open_version
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.ledger import is_of, standing
from churn_core.tracking.log import Entry
from churn_core.tracking.seals import check_seal
from churn_core.tracking.verdicts import read_stored, stored_seal
from churn_core.tracking.versions import PRODUCTION, Reference, Version, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["ModelCheck", "check_model"]


@dataclass(frozen=True)
class ModelCheck:
    """Whether the production model may be deployed.

    Attributes:
        problems: Why not; empty where it may.
        entry: How it came into production.
    """

    model: str
    version: str
    digest: str
    problems: tuple[str, ...]
    entry: Entry | None = None

    @property
    def passed(self) -> bool:
        return not self.problems


def check_model(params: Params, root: Path = Path(), *, allow_override: bool = False) -> ModelCheck:
    """Check that a valid, intact production model exists that passed the gate.

    Args:
        allow_override: Accept a model that was promoted over the gate's refusal.

    Raises:
        RegistryError: The registry does not answer.
    """
    where = tracking(params, root)
    with connect(where) as client:
        return _check(where, client, params, allow_override)


def _check(where: Tracking, client: MlflowClient, params: Params, allow_override: bool) -> ModelCheck:
    try:
        version = find_version(where, Reference(where.model, alias=PRODUCTION), client)
    except RegistryError as error:
        return ModelCheck(where.model, "", "", (str(error),))
    problems: list[str] = []
    if version.status != "READY":
        problems.append(f"version {version.version} is not ready: {version.status}")
    digest = _digest(where, version, problems)
    entry = _last_entry(where, client, version, problems)
    if entry is not None and digest:
        problems += _promotion(where, version, entry, digest, params.gate.signers, allow_override)
    return ModelCheck(where.model, version.version, digest, tuple(problems), entry)


def _digest(where: Tracking, version: Version, problems: list[str]) -> str:
    try:
        return open_version(where, version).manifest.digest
    except (BundleError, RegistryError) as error:
        problems.append(str(error))
        return ""


def _last_entry(where: Tracking, client: MlflowClient, version: Version, problems: list[str]) -> Entry | None:
    try:
        entry = standing(where, client).last
    except RegistryError as error:
        problems.append(str(error))
        return None
    if entry is None or not is_of(version, entry):
        problems.append(
            f"version {version.version} carries the alias {PRODUCTION!r}, but the promotion log does not say "
            "who put it there"
        )
        return None
    return entry


def _promotion(
    where: Tracking,
    version: Version,
    entry: Entry,
    digest: str,
    signers: tuple[str, ...],
    allow_override: bool,
) -> list[str]:
    """What is wrong with how the version came into production."""
    if entry.bundle != digest:
        return [f"version {version.version} is not the bundle that was promoted"]
    if entry.override:
        if allow_override:
            return []
        return [f"version {version.version} was promoted over the gate by {entry.who}: {entry.why}"]
    try:
        verdict = read_stored(where, version, entry.verdict)
        if signers:
            check_seal(stored_seal(where, version, entry.verdict), signers)
    except (GateRefused, RegistryError) as error:
        return [str(error)]
    if verdict.candidate != digest or not verdict.passed:
        return [f"version {version.version} was promoted on a verdict that does not speak for it"]
    return []
