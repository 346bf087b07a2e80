"""What a forked process must make anew: locks may be held, and sockets are its parent's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["renew_after_fork"]


class _Renewed(Protocol):
    def after_fork(self) -> None:
        """Forget what belongs to the parent; no other thread runs yet."""
        ...


_RENEWED: weakref.WeakSet[_Renewed] = weakref.WeakSet()


def renew_after_fork(thing: _Renewed) -> None:
    """Have `thing.after_fork` called in every process that is forked from this one."""
    _RENEWED.add(thing)


def _renew() -> None:
    for thing in list(_RENEWED):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew)
