"""How late a machine that has too much to do wakes up who asked to be woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["measured_lag"]

_NAP = 0.005


@contextmanager
def measured_lag() -> Iterator[Callable[[], float]]:
    """A function that gives the longest delay so far, in seconds: what no one can be blamed for."""
    longest, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        while not done.is_set():
            started = time.monotonic()
            time.sleep(_NAP)
            longest = max(longest, time.monotonic() - started - _NAP)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: longest
    finally:
        done.set()
        thread.join()
