"""The service on uvicorn."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable

from churn_core.bundle import Scorer
from churn_core.protocols import Sink
from churn_serve.app import create_app
from churn_serve.auth import require_protection
from churn_serve.emf import metrics_for
from churn_serve.errors import AddressError, ServeError
from churn_serve.logs import Log
from churn_serve.settings import Settings
from churn_serve.source import GIVEN, Source
from churn_serve.supervisor import supervise

__all__ = ["listen", "run"]


def run(
    scorer: Scorer,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: Settings | None = None,
    sink: Sink | None = None,
    on_start: Callable[[str], None] | None = None,
    source: Source = GIVEN,
) -> None:
    """Serve until the process is told to stop, by SIGTERM or Ctrl-C.

    Args:
        port: 0 for any free one.
        on_start: Called with the service's URL once connections are accepted.
        source: Where the bundle is from.

    Raises:
        Unprotected: Others could call without a key, and `CHURN_AUTH` does not allow it.
        AddressError: Host or port cannot be had.
        ServeError: uvicorn is not installed, or something was still unfinished when time was up.
    """
    settings = settings or Settings.from_environment()
    require_protection(settings, host)
    try:
        from churn_serve.worker import answer
    except ModuleNotFoundError:
        raise ServeError("serving needs uvicorn and httptools: pip install 'churn-serve[server]'") from None
    log = Log(sys.stderr, metrics_for(settings))
    with listen(host, port) as listener:
        app = create_app(scorer, settings, sink, log, source)
        app.warm()
        if on_start:
            on_start(url(host, listener.getsockname()[1]))
        if settings.workers > 1:
            supervisor = os.getpid()
            supervise(lambda: answer(app, listener, log, supervisor), listener, settings, log)
        else:
            answer(app, listener, log)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        AddressError: Host or port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio disables Nagle's algorithm only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise AddressError(_sentence(host, port, error)) from None
    return listener


def url(host: str, port: int) -> str:
    """Where a service on this address is reached from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not listened on here
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _sentence(host: str, port: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {port} on {host} is taken: stop what listens there, or choose another with --port"
    if code == errno.EACCES:
        return f"port {port} on {host} is reserved for administrators: choose one above 1023 with --port"
    if isinstance(error, OverflowError):
        return f"port {port} does not exist: ports go from 0 to 65535"
    return f"cannot listen on {host}: it is no address of this machine"
