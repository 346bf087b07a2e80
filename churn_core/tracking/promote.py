"""Promotion and rollback: the only ways by which the alias `production` moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from churn_core.errors import GateRefused, RegistryError
from churn_core.gate import Verdict, policy_digest
from churn_core.params import Params
from churn_core.tracking.artifacts import open_version
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.ledger import Standing, append, is_of, locate, point, standing
from churn_core.tracking.log import Entry, live_at, previous_version
from churn_core.tracking.seals import check_seal
from churn_core.tracking.verdicts import last_verdict, stored_seal
from churn_core.tracking.versions import (
    CANDIDATE,
    PRODUCTION,
    Version,
    find_version,
    parse_reference,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["history", "live", "promote", "rollback"]


def promote(
    params: Params,
    root: Path = Path(),
    ref: str = CANDIDATE,
    *,
    who: str,
    reason: str = "",
    verdict: Verdict | None = None,
    override: bool = False,
) -> Entry:
    """Put a version into production.

    A version that is live already stays, without a further entry, if it still passes the same
    checks; its verdict may be the one by which it went live.

    Args:
        ref: An alias, a version number, or `models:/...`.
        verdict: By default the last one that is stored beside the version. Another one counts as
            given now, and where signatures are asked for has to be stored there with one.
        override: Overrule the gate; asks for a reason, and is written down as such.

    Returns:
        The entry in the promotion log.

    Raises:
        GateRefused: No fresh passing verdict speaks for exactly this bundle against the champion of
            today under the policy of today.
        BundleError: The registered bundle is damaged.
        RegistryError: There is no such version, somebody else moved the alias at the same time, or
            the registry does not answer.
    """
    where = tracking(params, root)
    if override and not (who.strip() and reason.strip()):
        raise GateRefused("the gate is overruled only by name and with a reason: --who and --reason")
    with connect(where) as client:
        version = _version_of(where, client, ref)
        now = standing(where, client)
        if not override:
            _check_settled(now, version)
        digest = open_version(where, version).manifest.digest
        settled = _settled(now, version, digest)
        allowed = _allowed(
            lambda: verdict or last_verdict(where, version),
            lambda found: _check(where, found, version, digest, now.champion, params, settled, given=verdict),
            override=override,
        )
        if settled:
            if now.champion is None or now.champion.version != version.version:
                point(where, client, settled)  # an interrupted promotion: nothing but the alias is missing
            return settled
        entry = _entry(
            now,
            "promote",
            version,
            who=who,
            why=reason,
            bundle=digest,
            verdict=allowed,
            override=override,
        )
        return _move(where, client, entry)


def rollback(params: Params, root: Path = Path(), *, who: str, reason: str = "") -> Entry:
    """Put the version back that was promoted before the live one.

    Raises:
        GateRefused: There is nothing to go back to.
        BundleError: The bundle to go back to is damaged.
        RegistryError: It was deleted, or the registry does not answer.
    """
    where = tracking(params, root)
    with connect(where) as client:
        now = standing(where, client)
        target = previous_version(now.entries)
        if target is None:
            raise GateRefused(f"no version of {where.model!r} was in production before the present one")
        version = locate(where, client, target)
        digest = open_version(where, version).manifest.digest
        if digest != target.bundle:
            raise GateRefused(f"version {version.version} is no longer the bundle that was in production")
        entry = _entry(
            now,
            "rollback",
            version,
            who=who,
            why=reason,
            bundle=digest,
            verdict=target.verdict,
            override=target.override,
        )
        return _move(where, client, entry)


def history(params: Params, root: Path = Path()) -> tuple[Entry, ...]:
    """Every move of the alias `production`, oldest first.

    Raises:
        RegistryError: The log was tampered with, or the registry does not answer.
    """
    where = tracking(params, root)
    with connect(where) as client:
        return standing(where, client).entries


def live(params: Params, root: Path = Path(), *, at: datetime) -> Entry | None:
    """What was in production at a time (UTC unless it has a zone); `None` for nothing."""
    return live_at(history(params, root), at)


def _version_of(where: Tracking, client: MlflowClient, ref: str) -> Version:
    reference = parse_reference(ref, where.model)
    if reference.model != where.model:
        raise RegistryError(f"{ref} is not of the model {where.model!r} that params.yaml names")
    version = find_version(where, reference, client)
    if version.status != "READY":
        raise RegistryError(f"version {version.version} of {where.model!r} is not ready: {version.status}")
    return version


def _check_settled(now: Standing, version: Version) -> None:
    """Refuse to judge against a champion that is just being replaced.

    Between another promotion's entry and its alias, the champion that the alias names is the old one.
    """
    last = now.last
    if last is None or is_of(now.champion, last) or is_of(version, last):
        return
    raise RegistryError(
        f"{last.who} put version {last.to_version} into production last, but the alias {PRODUCTION!r} does "
        "not name it: this move is under way, or was interrupted; try again, promote version "
        f"{last.to_version} again, or roll it back"
    )


def _settled(now: Standing, version: Version, digest: str) -> Entry | None:
    """The entry by which exactly this bundle is in production already, or would be but for the alias."""
    last, champion = now.last, now.champion
    if last is None or last.bundle != digest:
        return None
    is_live = champion is not None and champion.version == version.version
    return last if is_live or not is_of(champion, last) else None


def _allowed(find: Callable[[], Verdict], check: Callable[[Verdict], None], *, override: bool) -> str:
    """Digest of the verdict; under an override, of whatever verdict there is."""
    try:
        verdict = find()
    except (GateRefused, RegistryError):
        if override:
            return ""
        raise
    if not override:
        check(verdict)
    return verdict.digest


def _check(
    where: Tracking,
    verdict: Verdict,
    version: Version,
    digest: str,
    champion: Version | None,
    params: Params,
    settled: Entry | None,
    given: Verdict | None,
) -> None:
    name = f"version {version.version} of {version.model!r}"
    again = f"run `churn gate --candidate models:/{version.model}/{version.version}`"
    if verdict.candidate != digest:
        raise GateRefused(f"the verdict is about another bundle than {name}; {again}")
    if verdict.policy != policy_digest(params.gate):
        raise GateRefused(f"{name} was judged by another policy than params.yaml has now; {again}")
    # The verdict by which a version went live compared it with the champion of that time.
    went_live = settled is not None and settled.verdict == verdict.digest
    if not went_live and verdict.champion != (champion.digest if champion else ""):
        rival = f"version {champion.version}, which is in production" if champion else "no champion"
        raise GateRefused(f"{name} was not compared with {rival}; {again}")
    if not verdict.passed:
        failed = ", ".join(result.name for result in verdict.failures())
        raise GateRefused(f"{name} did not pass the gate ({failed or 'nothing was checked'})")
    if given is None or params.gate.signers:
        found = stored_seal(where, version, verdict.digest)
        check_seal(found, params.gate.signers, None if went_live else params.gate.valid_days)


def _entry(now: Standing, action: str, version: Version, **facts: object) -> Entry:
    last, when = now.last, datetime.now(UTC)
    content = {
        "number": len(now.entries) + 1,
        "previous": last.digest if last else "",
        "action": action,
        "when": max(when, last.when) if last else when,
        "from_version": now.champion.version if now.champion else "",
        "to_version": version.version,
    }
    try:
        return Entry.model_validate({**content, **facts})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise RegistryError(
            f"the promotion log does not take this {detail['loc'][0]}: {detail['msg']}"
        ) from None


def _move(where: Tracking, client: MlflowClient, entry: Entry) -> Entry:
    # The log comes first: an interrupted promotion is seen as an entry without its alias, and
    # never as a model in production that nobody answers for.
    append(where, client, entry)
    point(where, client, entry)
    return entry
