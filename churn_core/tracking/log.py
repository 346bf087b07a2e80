"""The promotion log: who put which version into production, when and why.

Every entry is a tag of the registered model, so the log lives and moves with the registry. An
entry carries the digest of the one before it: nothing can be changed or left out unnoticed.
The tag's name carries number and digest: two entries written at the same time both stay, and
are seen to contradict each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, Field, ValidationError

from churn_core.errors import RegistryError
from churn_core.schemas.rules import Frozen

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Entry", "append", "live_at", "previous_version", "read_log"]

_KEY = re.compile(r"promotion\.(\d{6})\.([0-9a-f]{16})")


class Entry(Frozen):
    """One move of the alias `production`.

    Attributes:
        number: 1 for the first.
        previous: Digest of the entry before; empty for the first.
        from_version: What was live before; empty for nothing.
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
        return f"promotion.{self.number:06d}.{self.digest[:16]}"


def read_log(tags: Mapping[str, str]) -> tuple[Entry, ...]:
    """The log among the tags of a registered model, oldest entry first.

    Raises:
        RegistryError: An entry was changed or is missing, or two contradict each other.
    """
    entries = [_entry(key, text) for key, text in sorted(tags.items()) if _KEY.fullmatch(key)]
    previous = ""
    for number, entry in enumerate(entries, start=1):
        if entry.number < number:
            raise RegistryError(f"the promotion log has two entries of number {entry.number}")
        if entry.number > number or entry.previous != previous:
            raise RegistryError(f"the promotion log lacks its entry of number {number}, or it was changed")
        previous = entry.digest
    return tuple(entries)


def append(client: MlflowClient, model: str, entry: Entry) -> None:
    """Write an entry, unless another was written at the same time.

    Raises:
        RegistryError: Another was; this one was taken back.
    """
    client.set_registered_model_tag(model, entry.key, entry.model_dump_json())
    rivals = [
        key
        for key in client.get_registered_model(model).tags
        if key.startswith(entry.key[: entry.key.rindex(".") + 1]) and key != entry.key
    ]
    if rivals:
        client.delete_registered_model_tag(model, entry.key)
        raise RegistryError(
            "somebody else moved the production alias at the same time; look at it and try again"
        )


def live_at(entries: Sequence[Entry], when: datetime) -> Entry | None:
    """The entry whose version was live at a time; `None` before the first.

    Args:
        when: UTC where it has no zone.
    """
    moment = when if when.tzinfo else when.replace(tzinfo=UTC)
    return next((entry for entry in reversed(entries) if entry.when <= moment), None)


def previous_version(entries: Sequence[Entry]) -> Entry | None:
    """The entry to go back to: that of the promotion before the one that is live.

    Promotions pile up and a rollback takes the last one off, so that several rollbacks go
    back step by step, and a promotion after them starts from where they ended.
    """
    pile: list[Entry] = []
    for entry in entries:
        if entry.action == "rollback":
            pile = pile[:-1]
        elif not pile or pile[-1].to_version != entry.to_version:
            pile.append(entry)
    return pile[-2] if len(pile) > 1 else None


def _entry(key: str, text: str) -> Entry:
    try:
        entry = Entry.model_validate_json(text)
    except ValidationError:
        raise RegistryError(f"the promotion log cannot be read at {key!r}") from None
    if entry.key != key:
        raise RegistryError(f"the entry of number {entry.number} of the promotion log was changed")
    return entry
