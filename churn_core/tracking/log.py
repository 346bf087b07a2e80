"""The promotion log: who put which version into production, when and why.

Every entry is a tag of the registered model, named by number and digest. An entry carries the
digest of the one before it: nothing can be changed or left out unnoticed. How entries get into a
registry, one writer at a time, is told in `churn_core.tracking.ledger`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from churn_core.errors import RegistryError
from churn_core.schemas.rules import Frozen

__all__ = ["Entry", "claim_key", "live_at", "previous_version", "read_log"]

_KEY = re.compile(r"promotion\.(\d{6})\.([0-9a-f]{16})")
_CLAIM = re.compile(r"promotion\.\d{6}")


class Entry(Frozen):
    """One move of the alias `production`.

    Attributes:
        number: 1 for the first.
        previous: Digest of the entry before; empty for the first.
        when: To the microsecond, and never before the entry that precedes it.
        from_version: What was live before, as the registry of that day numbered it; empty for nothing.
        bundle: Digest of the bundle of `to_version`.
        verdict: Digest of the verdict that allowed it; empty for an override without any.
        override: Whether the gate was overruled; then `who` and `why` answer for it.
    """

    number: int = Field(ge=1)
    previous: str
    action: Literal["promote", "rollback"]
    when: AwareDatetime
    who: str = Field(min_length=1, max_length=200)
    why: str = Field(max_length=2000)
    from_version: str
    to_version: str
    bundle: str
    verdict: str
    override: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the entry as it is written."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def key(self) -> str:
        """Name of the tag that holds it."""
        return f"{claim_key(self.number)}.{self.digest[:16]}"


def read_log(tags: Mapping[str, str], claims: Mapping[str, str] | None = None) -> tuple[Entry, ...]:
    """The log among the tags of a registered model, oldest entry first.

    Args:
        claims: Which digest counts for each number, as the ledger has it; without, every entry counts.

    Raises:
        RegistryError: An entry was changed or is missing, or two contradict each other.
    """
    keys = sorted(key for key in tags if _KEY.fullmatch(key))
    if claims is not None:
        keys = [
            _claimed(key, keys, digest) for key, digest in sorted(claims.items()) if _CLAIM.fullmatch(key)
        ]
    entries = [_entry(key, tags[key]) for key in keys]
    previous = ""
    for number, entry in enumerate(entries, start=1):
        if entry.number < number:
            raise RegistryError(f"the promotion log has two entries of number {entry.number}")
        if entry.number > number or entry.previous != previous:
            raise RegistryError(f"the promotion log lacks its entry of number {number}, or it was changed")
        previous = entry.digest
    return tuple(entries)


def claim_key(number: int) -> str:
    """Name under which the ledger says which entry of a number counts."""
    return f"promotion.{number:06d}"


def live_at(entries: Sequence[Entry], when: datetime) -> Entry | None:
    """The entry whose version was live at a time; `None` before the first.

    Args:
        when: UTC where it has no zone. An entry counts from the start of the second that people are told.
    """
    moment = when if when.tzinfo else when.replace(tzinfo=UTC)
    return next((entry for entry in reversed(entries) if entry.when.replace(microsecond=0) <= moment), None)


def previous_version(entries: Sequence[Entry]) -> Entry | None:
    """The entry to go back to: that of the promotion before the one that is live.

    Promotions pile up and a rollback takes the last one off, so that several rollbacks go
    back step by step, and a promotion after them starts from where they ended.
    """
    pile: list[Entry] = []
    for entry in entries:
        if entry.action == "rollback":
            pile = pile[:-1]
        elif not pile or (pile[-1].to_version, pile[-1].bundle) != (entry.to_version, entry.bundle):
            pile.append(entry)
    return pile[-2] if len(pile) > 1 else None


def _claimed(key: str, keys: list[str], digest: str) -> str:
    name = f"{key}.{digest[:16]}"
    if name not in keys:
        raise RegistryError(
            f"the promotion log lacks its entry of number {int(key.rpartition('.')[2])}, or it was changed"
        )
    return name


def _entry(key: str, text: str) -> Entry:
    try:
        entry = Entry.model_validate_json(text)
    except ValidationError:
        raise RegistryError(f"the promotion log cannot be read at {key!r}") from None
    if entry.key != key:
        raise RegistryError(f"the entry of number {entry.number} of the promotion log was changed")
    return entry
