"""One call: attempts, pauses and the deadline over all of them.

An operation is a generator. It yields a `Request` to send or a `Wait`, is sent back what came of
it, and returns the result:

```text
ChurnClient ──────┐                              ┌── Transport
                  ├── runs ── Operation ── yields┤
AsyncChurnClient ─┘                              └── sleep
```
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from churn_client._config import Config
from churn_client._errors import CallFailed, CircuitOpen, ConnectionFailed
from churn_client._guards import CircuitBreaker, RetryBudget
from churn_client._messages import Request, Response
from churn_client._retry import RETRIED, Failure, GiveUp, decide, retry_after
from churn_client._spans import NO_SPAN, Span, make_span

__all__ = ["Answer", "Call", "Caller", "Operation", "Outcome", "Step", "Wait"]

T = TypeVar("T")

_LOG = logging.getLogger("churn_client")
_LOG.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for so many seconds."""

    seconds: float


Step = Request | Wait
Outcome = Response | ConnectionFailed | None
Operation = Generator[Step, Outcome, T]


@dataclass(slots=True)
class Call:
    """One call as it goes on.

    Attributes:
        request: What is asked.
        started: When it began.
        ends: When it has to be over.
        attempts: How often it was sent so far.
    """

    request: Request
    id: str
    clock: Callable[[], float]
    started: float
    ends: float
    attempts: int = 0

    def failed(self, error: CallFailed) -> CallFailed:
        """The error, with what is to know about the call."""
        return error.of_call(self.id, self.attempts, self.clock() - self.started)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the call that it came of."""

    call: Call
    response: Response

    def failed(self, error: CallFailed) -> CallFailed:
        """The error, with what is to know about the call."""
        return self.call.failed(error)


@dataclass(frozen=True)
class Caller:
    """Makes calls.

    Attributes:
        clock: Seconds, never running backwards.
        draw: A random number from 0 to 1.
    """

    config: Config
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random
    budget: RetryBudget = field(default_factory=RetryBudget)
    breaker: CircuitBreaker = field(init=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        config = self.config
        breaker = CircuitBreaker(config.circuit_failures, config.circuit_seconds, self.clock)
        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "churn-client"}
        if config.api_key:
            headers["x-api-key"] = config.api_key.get_secret_value()
        object.__setattr__(self, "breaker", breaker)
        object.__setattr__(self, "_headers", headers)

    def call(
        self, method: str, path: str, content: bytes = b"", retries: int | None = None
    ) -> Operation[Answer]:
        """Ask until there is an answer that will not change, or no time or patience is left.

        Raises:
            CircuitOpen: Too many calls failed before.
            ConnectionFailed: There was no answer.
        """
        call = self._call(method, path, content)
        wait = self.breaker.wait()
        if wait:
            raise call.failed(CircuitOpen(f"too many calls failed: the next is tried in {wait:.3g} s"))
        retries = self.config.retries if retries is None else retries
        with make_span(path, self.config) if self.config.tracing else NO_SPAN as span:
            outcome = yield from self._attempts(call, span, retries)
            span.ended(call.attempts, outcome)
            self._note(call, outcome)
            if isinstance(outcome, Response):
                return Answer(call, outcome)
            raise call.failed(outcome)

    def _attempts(self, call: Call, span: Span, retries: int) -> Operation[Response | ConnectionFailed]:
        while True:
            request = self._attempt(call, span)
            outcome = yield request
            if outcome is None:
                raise TypeError("a request has an outcome")
            self._observe(call, request, outcome)
            pause = self._pause(call, outcome, retries)
            if isinstance(pause, GiveUp):
                return outcome
            yield Wait(pause)

    def _call(self, method: str, path: str, content: bytes) -> Call:
        now = self.clock()
        call_id = uuid.uuid4().hex
        headers = {**self._headers, "x-request-id": call_id}
        if content:
            headers |= {"content-type": "application/json", "idempotency-key": call_id}
        request = Request(method, path, content, headers, url=self.config.url)
        return Call(request, call_id, self.clock, now, now + self.config.deadline)

    def _attempt(self, call: Call, span: Span) -> Request:
        """The next request of a call, as it is sent."""
        call.attempts += 1
        timeout = max(min(self.config.timeout, call.ends - self.clock()), 0.001)
        told = {"x-request-attempt": str(call.attempts), "x-request-timeout": f"{timeout:.3f}"}
        headers = {**call.request.headers, **told, **span.headers}
        request = replace(call.request, headers=headers, timeout=timeout)
        for change in (self.config.on_request, self.config.sign):
            request = (change and change(request)) or request
        return request

    def _pause(self, call: Call, outcome: Response | ConnectionFailed, retries: int) -> float | GiveUp:
        """Seconds until the next attempt, paid from the budget, or why there is none."""
        answered = isinstance(outcome, Response)
        failure = Failure(
            attempt=call.attempts,
            status=outcome.status if answered else None,
            asked=retry_after(outcome.headers.get("retry-after")) if answered else None,
            left=call.ends - self.clock(),
            tokens=self.budget.tokens,
            draw=self.draw(),
        )
        decision = decide(failure, retries)
        if isinstance(decision, float) and not self.budget.take():
            decision = GiveUp.BUDGET
        if decision is not GiveUp.FINAL:
            _LOG.debug("request %s, attempt %d: %s", call.id, call.attempts, decision)
        return decision

    def _observe(self, call: Call, request: Request, outcome: Response | ConnectionFailed) -> None:
        """Tell whoever wants to know. Nothing that a customer or a key could be in is logged."""
        if self.config.on_response:
            self.config.on_response(request, outcome)
        if _LOG.isEnabledFor(logging.DEBUG):
            what = str(outcome.status) if isinstance(outcome, Response) else type(outcome).__name__
            path = call.request.path.partition("?")[0]
            seconds = self.clock() - call.started
            text = "request %s, attempt %d: %s %s: %s after %.3f s"
            _LOG.debug(text, call.id, call.attempts, request.method, path, what, seconds)

    def _note(self, call: Call, outcome: Response | ConnectionFailed) -> None:
        """Remember how a call ended."""
        status = outcome.status if isinstance(outcome, Response) else 0
        failed = not status or status >= 500
        if not failed and status not in RETRIED:
            self.budget.succeeded()
        if self.breaker.note(failed=failed):
            _LOG.warning("request %s: too many calls failed, no more for a while", call.id)
