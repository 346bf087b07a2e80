"""Requests and responses as plain data, what can carry them, and what may look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from churn_client._errors import ConnectionFailed

__all__ = ["AsyncTransport", "OnRequest", "OnResponse", "Request", "Response", "Transport"]


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to ask the service.

    Attributes:
        path: With its query, below the service's URL.
        content: The body. It holds customers: do not log it.
        headers: With the API key, if there is one: do not log them. Names are lower case.
        timeout: Seconds until the attempt is given up, its body read included.
        url: Of the service, without the path.
    """

    method: str
    path: str
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 10.0
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """One complete HTTP response; names of `headers` are lower case."""

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


OnRequest = Callable[[Request], Request | None]
OnResponse = Callable[[Request, Response | ConnectionFailed], None]


class Transport(Protocol):
    """Carries requests to a service."""

    def send(self, request: Request) -> Response:
        """Send a request and wait for its response, for `request.timeout` seconds at most.

        Raises:
            ConnectionFailed: There was none.
        """
        ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """Carries requests to a service without blocking."""

    async def send(self, request: Request) -> Response:
        """Send a request and wait for its response; see `Transport`."""
        ...

    async def close(self) -> None: ...
