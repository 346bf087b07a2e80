"""The promotion log on its way from one registry into another.

The file holds every entry as it was written, and the verdicts that they name with their seals. Entries
are not renumbered: what another registry calls version 3 is found here by the digest of its bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from churn_core.bundle.manifest import canonical_json
from churn_core.errors import ChurnError, GateRefused, RegistryError
from churn_core.gate import Verdict
from churn_core.params import Params
from churn_core.schemas.rules import Frozen
from churn_core.tracking.artifacts import open_version
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.ledger import Standing, append, is_of, locate, point, standing
from churn_core.tracking.log import Entry, read_log
from churn_core.tracking.seals import Seal
from churn_core.tracking.verdicts import keep_verdict, read_stored, stored_seal

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["export_log", "import_log", "read_export"]


class Evidence(Frozen):
    """A verdict that an entry names, and its seal."""

    verdict: Verdict
    seal: Seal


class Export(Frozen):
    """What a file of the log holds.

    Attributes:
        digests: Of each entry.
        evidence: By digest of the verdict; without those that the registry has lost.
    """

    format: Literal[1] = 1
    model: str
    entries: tuple[Entry, ...]
    digests: tuple[str, ...]
    evidence: Mapping[str, Evidence]


def export_log(params: Params, root: Path = Path()) -> bytes:
    """The whole log with its evidence, as JSON.

    Raises:
        RegistryError: The log was tampered with, or the registry does not answer.
    """
    where = tracking(params, root)
    with connect(where) as client:
        entries = standing(where, client).entries
        found = {entry.verdict: _evidence(where, client, entry) for entry in entries if entry.verdict}
    export = Export(
        model=where.model,
        entries=entries,
        digests=tuple(entry.digest for entry in entries),
        evidence={digest: one for digest, one in found.items() if one},
    )
    return canonical_json(export.model_dump(mode="json"))


def read_export(data: bytes) -> Export:
    """Read a file of the log, and verify its chain.

    Raises:
        RegistryError: It is none, or was changed.
    """
    try:
        export = Export.model_validate_json(data)
    except ValidationError:
        raise RegistryError("this is no promotion log as `churn history --export FILE` writes it") from None
    sound = all(
        key == one.verdict.digest == one.seal.verdict and key == one.verdict.content_digest()
        for key, one in export.evidence.items()
    )
    if not sound or export.digests != tuple(entry.digest for entry in export.entries):
        raise RegistryError("the file of the promotion log was changed after it was written")
    read_log({entry.key: entry.model_dump_json() for entry in export.entries})
    return export


def import_log(params: Params, root: Path = Path(), *, data: bytes) -> tuple[Entry, ...]:
    """Carry a log into this registry, and put into production what it says is live.

    Bundles have to be registered here before; an import that was interrupted is finished by another.

    Returns:
        Entries whose bundle this registry does not have, so that nothing can be rolled back to them.

    Raises:
        GateRefused: The registry has another log, or another model in production.
        BundleError: The bundle that is live is damaged.
        RegistryError: The file was changed, the bundle that is live is not registered here, or the
            registry does not answer.
    """
    export = read_export(data)
    where = tracking(params, root)
    with connect(where) as client:
        now = standing(where, client)
        _check_room(now, export.entries)
        if not export.entries:
            return ()
        last = export.entries[-1]
        if open_version(where, locate(where, client, last)).manifest.digest != last.bundle:
            raise GateRefused(f"what is registered as bundle {last.bundle[:12]} is another bundle")
        missing = tuple(entry for entry in export.entries if not _keep(where, client, entry, export))
        for entry in export.entries[len(now.entries) :]:
            append(where, client, entry)
        point(where, client, last)
    return missing


def _evidence(where: Tracking, client: MlflowClient, entry: Entry) -> Evidence | None:
    try:
        version = locate(where, client, entry)
        verdict = read_stored(where, version, entry.verdict)
        return Evidence(verdict=verdict, seal=stored_seal(where, version, entry.verdict))
    except ChurnError:
        return None


def _check_room(now: Standing, entries: tuple[Entry, ...]) -> None:
    if entries[: len(now.entries)] != now.entries:
        raise GateRefused(
            f"the registry has a promotion log of its own ({len(now.entries)} entries), which does not go on "
            "in this file; a log is never replaced"
        )
    if now.champion and not any(is_of(now.champion, entry) for entry in entries):
        raise GateRefused(
            f"version {now.champion.version} is in production here, and the file does not speak of it"
        )


def _keep(where: Tracking, client: MlflowClient, entry: Entry, export: Export) -> bool:
    """Keep an entry's evidence beside its bundle; false where the bundle is not here."""
    try:
        version = locate(where, client, entry)
    except RegistryError:
        return False
    found = export.evidence.get(entry.verdict)
    if found and version.run_id:
        keep_verdict(client, version.run_id, found.verdict, found.seal)
    return True
