"""HTTP. With `_sockets`, the only module that knows httpx and httpcore; nothing of theirs leaves it.

httpx has time-outs for each operation on a socket, so an answer that drips is never late. Therefore
requests go through httpcore, the engine of httpx, whose sockets can be wrapped: `_sockets` has them keep
to the moment at which the whole attempt has to be over. Certificates are trusted as httpx trusts them.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.request
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import httpcore

from churn_client._errors import ConfigError, ConnectionFailed, ProtocolBroken, TimedOut, WrongLoop
from churn_client._forks import renew_after_fork
from churn_client._messages import Request, Response
from churn_client._sockets import PunctualBackend, is_loopback

__all__ = ["AsyncHttpTransport", "HttpTransport"]

# Servers close idle connections too, uvicorn after 5 s: who closes first never asks in vain.
_KEPT_SECONDS = 4.0
_LARGEST = 256 * 2**20  # bytes of an answer

_Headers = Iterable[tuple[bytes, bytes]]
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
    UnicodeError,
)


class HttpTransport:
    """Keeps connections to a service open between requests; share it between threads."""

    def __init__(self, url: str) -> None:
        self._service = _service(url)
        self._pool = self._new_pool()
        self._parents: httpcore.ConnectionPool | None = None
        renew_after_fork(self)

    def send(self, request: Request) -> Response:
        """Send a request; see `churn_client._messages.Transport`."""
        ends = time.monotonic() + request.timeout
        timeouts = {"connect": ends, "read": ends, "write": ends, "pool": request.timeout}
        try:
            with self._pool.stream(**self._service.message(request, timeouts)) as response:
                content = bytearray()
                for chunk in response.iter_stream():
                    content += chunk
                    _require_fitting(content)
                return _plain(response.status, response.headers, content)
        except _FAILURES as error:
            failure = _translated(self._service.url, request, error)
        raise failure  # here, nothing of httpcore is its context

    def close(self) -> None:
        self._pool.close()

    def after_fork(self) -> None:
        # The parent still uses its sockets: they are left as they are, and no one's to collect.
        self._parents, self._pool = self._pool, self._new_pool()

    def _new_pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(**self._service.settings, network_backend=PunctualBackend())


class AsyncHttpTransport:
    """The same for one event loop."""

    def __init__(self, url: str) -> None:
        self._service = _service(url)
        self._pool = httpcore.AsyncConnectionPool(**self._service.settings)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: Request) -> Response:
        """Send a request; see `churn_client._messages.AsyncTransport`."""
        self._require_loop()
        try:
            async with (
                asyncio.timeout(request.timeout),
                self._pool.stream(**self._service.message(request, {})) as response,
            ):
                content = bytearray()
                async for chunk in response.aiter_stream():
                    content += chunk
                    _require_fitting(content)
                return _plain(response.status, response.headers, content)
        except _FAILURES as error:
            failure = _translated(self._service.url, request, error)
        raise failure

    async def close(self) -> None:
        self._require_loop()
        await self._pool.aclose()

    def _require_loop(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise WrongLoop("the client was used in another event loop: make one for each loop")


class _Service(NamedTuple):
    """Where requests go.

    Attributes:
        place: Scheme, host and port.
        path: In front of all paths.
        settings: Of a pool of connections.
    """

    url: str
    place: tuple[bytes, bytes, int | None]
    path: str
    settings: dict[str, Any]

    def message(self, request: Request, timeouts: dict[str, float]) -> dict[str, Any]:
        scheme, host, port = self.place
        target = (self.path + request.path).encode()
        return {
            "method": request.method,
            "url": httpcore.URL(scheme=scheme, host=host, port=port, target=target),
            "headers": list(request.headers.items()),
            "content": request.content,
            "extensions": {"timeout": timeouts},
        }


def _service(url: str) -> _Service:
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = parts.scheme.encode(), host.encode(), parts.port
    settings = {
        "ssl_context": _trust() if parts.scheme == "https" else None,
        "proxy": _proxy(parts.scheme, host),
        "max_connections": 100,
        "max_keepalive_connections": 100,
        "keepalive_expiry": _KEPT_SECONDS,
    }
    return _Service(url, place, parts.path, settings)


def _trust() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _proxy(scheme: str, host: str) -> httpcore.Proxy | None:
    """The proxy of the environment, but not on the way to this very machine."""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ConfigError(f"the proxy of the environment for {scheme} is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"the proxy of the environment for {scheme} is no HTTP proxy")
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore.Proxy(f"{parts.scheme}://{parts.hostname}:{port}", auth=auth)


def _require_fitting(content: bytearray) -> None:
    if len(content) > _LARGEST:
        raise httpcore.RemoteProtocolError("the answer is too large")


def _plain(status: int, headers: _Headers, content: bytearray) -> Response:
    plain = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    if plain.get("content-encoding", "identity").lower() != "identity":
        raise httpcore.RemoteProtocolError("the answer is compressed")
    return Response(status, bytes(content), plain)


def _translated(url: str, request: Request, error: Exception) -> ConnectionFailed:
    """What went wrong, in words that quote nothing of an answer."""
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        return TimedOut(f"{url} did not answer within {request.timeout:.3g} s")
    if isinstance(error, httpcore.ProtocolError | httpcore.UnsupportedProtocol):
        return ProtocolBroken(f"{url} {_broken(str(error))}")
    if isinstance(error, httpcore.ReadError | httpcore.WriteError):
        return ConnectionFailed(f"{url} broke the connection off")
    if isinstance(error, httpcore.ProxyError):
        return ConnectionFailed(f"{url} cannot be reached: the proxy refuses")
    return ConnectionFailed(f"{url} cannot be reached: {str(error) or type(error).__name__}")


def _broken(text: str) -> str:
    """What is wrong with an answer; httpcore would quote it."""
    known = {
        "Server disconnected": "closed the connection without an answer",
        "peer closed connection": "broke its answer off",
        "the answer is": text.replace("the answer is", "gave an answer that is"),
    }
    return next(
        (words for start, words in known.items() if text.startswith(start)), "does not answer in HTTP"
    )
