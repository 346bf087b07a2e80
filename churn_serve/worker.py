"""One process that answers: uvicorn, with limits on connections and an orderly end."""

from __future__ import annotations

import functools
import logging
import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any, cast

import uvicorn

from churn_serve.errors import Unfinished
from churn_serve.logs import Log, ServerLogs
from churn_serve.protocol import LimitedProtocol
from churn_serve.service import Service

__all__ = ["answer"]

# What the end takes besides waiting for requests.
_SLACK = 2.0


def answer(service: Service, listener: socket.socket, log: Log, supervisor: int | None = None) -> None:
    """Answer until SIGTERM or Ctrl-C.

    Args:
        supervisor: The process without which this one is to end.

    Raises:
        Unfinished: Requests were cut off because they took too long.
    """
    settings = service.settings
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [ServerLogs(log)], False
    config = uvicorn.Config(
        service,
        http=cast("Any", functools.partial(LimitedProtocol, settings, service.metrics)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=cast("int", settings.idle_seconds),
        timeout_graceful_shutdown=cast("int", settings.stop_seconds),
    )
    server = _Server(config, service, log, supervisor)
    server.run(sockets=[listener])
    if server.unfinished:
        raise Unfinished("requests were cut off: they took too long after the service was told to stop")


class _Server(uvicorn.Server):
    """uvicorn, which says that it is about to stop before it does."""

    def __init__(self, config: uvicorn.Config, service: Service, log: Log, supervisor: int | None) -> None:
        super().__init__(config)
        self.unfinished = False
        self._interrupts = 0
        self._supervisor = supervisor
        self._last: threading.Timer | None = None
        self._service = service
        self._log = log
        self._ends: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C stops at once."""
        self._interrupts += sig == signal.SIGINT
        self.force_exit = self._interrupts > 1
        if self._ends is None:
            settings = self._service.settings
            wait = settings.drain_seconds if sig == signal.SIGTERM else 0.0
            self._service.draining = True
            self._ends = time.monotonic() + wait
            # Threads that never end would keep the process alive.
            self._last = threading.Timer(wait + settings.stop_seconds + _SLACK, os._exit, (1,))
            self._last.daemon = True
            self._last.start()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if self._ends is not None and (self.force_exit or time.monotonic() >= self._ends):
            self.should_exit = True
        if self._supervisor and os.getppid() != self._supervisor:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and hear signals that came before."""
        await super().startup(sockets)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking requests, and answer those that are there."""
        self._log.event("info", "stopping", requests=len(self.server_state.tasks))
        await super().shutdown(sockets)
        self.unfinished = bool(self.server_state.tasks)
        if self._last and not self.unfinished:
            self._last.cancel()
