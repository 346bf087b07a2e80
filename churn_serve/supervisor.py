"""Several processes that answer on one socket, and one that watches them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

from churn_core.errors import ChurnError
from churn_serve.errors import ServeError, Unfinished
from churn_serve.logs import Log
from churn_serve.settings import Settings

__all__ = ["supervise"]

# A worker that lives shorter is not replaced at once.
_SHORT_LIFE = 1.0
# How much longer than its own limit a worker has to end.
_SLACK = 5.0


def supervise(answer: Callable[[], None], listener: socket.socket, settings: Settings, log: Log) -> None:
    """Keep `settings.workers` processes that `answer` until SIGTERM or Ctrl-C.

    They are forked, so all have the bundle that was verified once, and share its memory.

    Raises:
        ServeError: This system cannot fork.
        Unfinished: A worker did not end well, or not in time.
    """
    if not hasattr(os, "fork"):
        raise ServeError("CHURN_WORKERS above 1 needs a system that can fork: start several services")
    _Supervisor(answer, listener, settings, log).run()


class _Supervisor:
    def __init__(
        self, answer: Callable[[], None], listener: socket.socket, settings: Settings, log: Log
    ) -> None:
        self._answer = answer
        self._listener = listener
        self._settings = settings
        self._log = log
        self._born: dict[int, float] = {}
        self._stopping = False

    def run(self) -> None:
        before = {sig: signal.signal(sig, self._stop) for sig in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._kill)
        try:
            for _ in range(self._settings.workers):
                self._start()
            well = self._watch()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for sig, handler in before.items():
                signal.signal(sig, handler)
        if not well:
            raise Unfinished("a worker did not end well")

    def _watch(self) -> bool:
        """Replace workers that die, until all were told to end; whether they ended well."""
        well = True
        while self._born:
            pid, status = os.wait()
            lived = time.monotonic() - self._born.pop(pid, time.monotonic())
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                well = well and code == 0
                continue
            self._log.event("error", "a worker died", worker=pid, code=code)
            if lived < _SHORT_LIFE:
                time.sleep(_SHORT_LIFE)
            self._start()
        return well

    def _start(self) -> None:
        # A signal between the fork and its note would miss the new worker.
        signals = (signal.SIGTERM, signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            if self._stopping:
                return
            pid = os.fork()
            if not pid:
                self._work()
            self._born[pid] = time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        self._log.event("info", "a worker started", worker=pid)

    def _work(self) -> None:
        """What a worker does; never returns."""
        code = 1
        try:
            # Signals stay blocked, but not lost, until the worker can handle them.
            for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
                signal.signal(sig, signal.SIG_DFL)
            self._answer()
            code = 0
        except ChurnError as error:
            self._log.event("error", str(error))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must not reach the supervisor's code
            self._log.failure("a worker failed", error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, sig: int, frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            wait = self._settings.drain_seconds + self._settings.stop_seconds + _SLACK
            signal.setitimer(signal.ITIMER_REAL, wait)
            self._listener.close()
        for pid in self._born:
            os.kill(pid, signal.SIGTERM)  # Ctrl-C reaches them itself

    def _kill(self, sig: int, frame: FrameType | None) -> None:
        for pid in self._born:
            os.kill(pid, signal.SIGKILL)
