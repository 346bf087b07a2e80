"""How clients get to a service of this process, and why they need not wait for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol
from unittest.mock import patch

from churn_client._client import ChurnClient
from churn_client._config import Config
from churn_client._exchange import Answer, Caller, Operation, Outcome, Step, Wait
from churn_client._messages import Request, Response
from churn_client._shared import use_client

__all__ = ["AsyncCarrier", "Carrier", "Destination", "detour", "without_waiting"]


class Destination(Protocol):
    """What a detour leads to."""

    seconds: float

    def client(self) -> ChurnClient: ...
    def handle(self, request: Request) -> Response: ...
    def pass_time(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Carrier:
    """Carries requests into this process."""

    service: Destination

    def send(self, request: Request) -> Response:
        return self.service.handle(request)

    def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True)
class AsyncCarrier:
    """The same for the asynchronous client."""

    service: Destination

    async def send(self, request: Request) -> Response:
        return self.service.handle(request)

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True)
class _Patient(Caller):
    """Does not wait for a pause to pass, but moves the service's clock on."""

    passes: Callable[[float], None] = lambda _: None

    def call(
        self, method: str, path: str, content: bytes = b"", retries: int | None = None
    ) -> Operation[Answer]:
        return _without_pauses(super().call(method, path, content, retries), self.passes)


def without_waiting(service: Destination) -> AbstractContextManager[Any]:
    """Let clients that are made meanwhile live by the clock of `service`, and draw no random pauses."""

    def caller(config: Config) -> Caller:
        return _Patient(config, clock=lambda: service.seconds, draw=lambda: 1.0, passes=service.pass_time)

    return patch("churn_client._core.Caller", caller)


def detour(service: Destination, url: str, api_key: str | None) -> ExitStack:
    """Lead `predict_churn` and all clients that are made from now on to `service`, until it is closed."""
    way = ExitStack()
    variables = {"CHURN_API_URL": url, "CHURN_API_KEY": api_key or ""}
    way.callback(use_client, use_client(service.client()))
    way.enter_context(patch.dict(os.environ, variables))
    for module, carrier in (("_client", Carrier), ("_async_client", AsyncCarrier)):
        way.enter_context(patch(f"churn_client.{module}._http", return_value=carrier(service)))
    way.enter_context(without_waiting(service))
    return way


def _without_pauses(
    operation: Operation[Answer], passes: Callable[[float], None]
) -> Generator[Step, Outcome, Answer]:
    outcome: Outcome = None
    try:
        while True:
            step = operation.send(outcome)
            if isinstance(step, Wait):
                passes(step.seconds)
                outcome = None
            else:
                outcome = yield step
    except StopIteration as done:
        return done.value
    finally:
        operation.close()
