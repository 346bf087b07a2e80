"""What keeps a client from making an outage worse; shared by all calls of a client."""

from __future__ import annotations

import threading
from collections.abc import Callable

from churn_client._forks import renew_after_fork

__all__ = ["CircuitBreaker", "RetryBudget"]


class RetryBudget:
    """A bucket of tokens: a retry takes one, a call that succeeds gives a tenth of one back.

    While nothing succeeds, a client therefore retries ten times in all, however much it calls; in
    ordinary times one call in ten may be retried (as in gRPC, proposal A6, "throttling retries").
    """

    FULL, BACK = 10.0, 0.1

    def __init__(self) -> None:
        self.tokens = self.FULL
        self._lock = threading.Lock()
        renew_after_fork(self)

    def take(self) -> bool:
        """Take a token; whether there was one."""
        with self._lock:
            enough = self.tokens >= 1
            self.tokens -= enough
        return enough

    def succeeded(self) -> None:
        if self.tokens < self.FULL:
            with self._lock:
                self.tokens = min(self.FULL, self.tokens + self.BACK)

    def after_fork(self) -> None:
        self._lock = threading.Lock()


class CircuitBreaker:
    """Lets no call through for a while once so many in a row have failed; then one, to see.

    Args:
        failures: How many in a row; 0 for never.
        seconds: How long.
        clock: Seconds, never running backwards.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float]) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failed = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()
        renew_after_fork(self)

    def wait(self) -> float:
        """Seconds until a call may pass; 0 lets this one through.

        Whoever is let through after a pause is the only one until `note`, or until another pause is over.
        """
        if self._failed < self._limit or not self._limit:
            return 0.0
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            self._closed_until = now + self._seconds
            return 0.0

    def note(self, *, failed: bool) -> bool:
        """Say how a call ended; whether this one stops those that follow."""
        if not self._limit or not (failed or self._failed):
            return False
        with self._lock:
            self._failed = self._failed + 1 if failed else 0
            stops = self._failed >= self._limit
            if stops:
                self._closed_until = self._clock() + self._seconds
            return stops

    def after_fork(self) -> None:
        self._lock = threading.Lock()
