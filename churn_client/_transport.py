"""HTTP. The only module that knows httpx; nothing of httpx leaves it."""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from churn_client._errors import ConfigError, ConnectionFailed, TimedOut
from churn_client._messages import Request, Response

__all__ = ["AsyncHttpTransport", "HttpTransport"]


class HttpTransport:
    """Keeps connections to a service open between requests; share it between threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(base_url=url, trust_env=_asks_environment(url))

    def send(self, request: Request) -> Response:
        """Send a request; see `churn_client._messages.Transport`."""
        with _translated(self._url, request.timeout):
            return _plain(
                self._client.request(
                    request.method,
                    request.path,
                    content=request.content,
                    headers=dict(request.headers),
                    timeout=request.timeout,
                )
            )

    def close(self) -> None:
        self._client.close()


class AsyncHttpTransport:
    """The same for one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(base_url=url, trust_env=_asks_environment(url))

    async def send(self, request: Request) -> Response:
        """Send a request; see `churn_client._messages.AsyncTransport`."""
        with _translated(self._url, request.timeout):
            return _plain(
                await self._client.request(
                    request.method,
                    request.path,
                    content=request.content,
                    headers=dict(request.headers),
                    timeout=request.timeout,
                )
            )

    async def close(self) -> None:
        await self._client.aclose()


def _asks_environment(url: str) -> bool:
    """Whether proxies of the environment apply: not on the way to this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _plain(response: httpx.Response) -> Response:
    return Response(response.status_code, response.content, dict(response.headers))


@contextmanager
def _translated(url: str, timeout: float) -> Generator[None]:
    try:
        yield
    except httpx.TimeoutException:
        raise TimedOut(f"{url} did not answer within {timeout:.3g} s") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise ConfigError(f"{url} is not a URL that can be called") from None
    except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
        raise ConnectionFailed(f"{url} {_broken(error)}") from None
    except (httpx.ReadError, httpx.WriteError):
        raise ConnectionFailed(f"{url} broke the connection off") from None
    except httpx.RequestError as error:
        reason = str(error) or type(error).__name__
        raise ConnectionFailed(f"{url} cannot be reached: {reason}") from None


def _broken(error: httpx.RequestError) -> str:
    """What is wrong with an answer; httpx would quote it."""
    text = str(error)
    if text.startswith("Server disconnected"):
        return "closed the connection without an answer"
    if text.startswith("peer closed connection"):
        return "broke its answer off"
    return "does not answer in HTTP"
