"""Requests and responses as plain data, and what can carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["AsyncTransport", "Request", "Response", "Transport"]


@dataclass(frozen=True)
class Request:
    """One HTTP request to the service.

    Attributes:
        path: With its query, below the service's URL.
        timeout: Seconds until it is given up.
    """

    method: str
    path: str
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 10.0


@dataclass(frozen=True)
class Response:
    """One complete HTTP response; names of `headers` are lower case."""

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class Transport(Protocol):
    """Carries requests to a service."""

    def send(self, request: Request) -> Response:
        """Send a request and wait for its response.

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
