"""How much the service takes on at once.

A service that takes on more than it can do answers nobody in time. So each route of predictions has
a gate: a few may wait, the others are told at once to come back. Health has no gate.
"""

from __future__ import annotations

import time

from churn_serve.errors import Refusal

__all__ = ["Gate", "require_time", "too_late"]

_SOON = ((b"retry-after", b"1"),)


class Gate:
    """The requests that one route has taken on.

    A request counts from the moment its body is complete, so that slow callers keep nobody out; what
    has arrived of unfinished bodies counts by itself.

    Args:
        most: Requests in work or waiting.
        most_bytes: Of bodies that are still arriving in parts.
        seconds: How long a request may wait for its turn.
    """

    __slots__ = ("_arrived", "_most", "_most_bytes", "_seconds", "_taken")

    def __init__(self, most: int, most_bytes: int, seconds: float) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._taken = 0
        self._arrived = 0

    def check(self) -> None:
        """Refuse before a body is read what would be refused after it.

        Raises:
            Refusal: 429, the service has enough to do.
        """
        if self._taken >= self._most:
            raise Refusal(429, "The service has enough to do; ask again later.", headers=_SOON)

    def __enter__(self) -> None:
        self.check()
        self._taken += 1

    def __exit__(self, *_: object) -> None:
        self._taken -= 1

    def arrive(self, size: int) -> None:
        """Count bytes of an unfinished body.

        Raises:
            Refusal: 429, unfinished bodies need too much memory.
        """
        self._arrived += size
        if self._arrived > self._most_bytes:
            headers = (*_SOON, (b"connection", b"close"))
            raise Refusal(429, "Too many bodies are arriving at once; ask again later.", headers=headers)

    def forget(self, size: int) -> None:
        """Take back what `arrive` counted."""
        self._arrived -= size

    def until(self, deadline: float) -> float:
        """When a request that waits from now on need not be answered any more.

        Args:
            deadline: The caller's own; both are on the clock of `time.perf_counter`.
        """
        return min(deadline, time.perf_counter() + self._seconds)


def require_time(until: float) -> None:
    """Leave out work for which nobody waits any more.

    Raises:
        Refusal: 503, its time has passed.
    """
    if time.perf_counter() > until:
        raise too_late()


def too_late() -> Refusal:
    """What a request is told whose turn came too late."""
    return Refusal(503, "The request waited too long for its turn and was not worked on.", headers=_SOON)
