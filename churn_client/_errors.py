"""Every error that churn_client raises on purpose.

```text
ChurnError
├── InvalidCustomer               a customer does not fit the schema; nothing was sent
└── ChurnClientError
    ├── ConfigError               the client is told something that cannot be
    ├── ClientClosed              it was closed before; also a `RuntimeError`
    ├── WrongLoop                 it belongs to another event loop; also a `RuntimeError`
    ├── NotCustomers              `predict_many` was given no customers to go through; also a `TypeError`
    ├── RowError                  one of many customers has no prediction; a value of `predict_many`
    └── CallFailed                a call has no result; says after how many attempts and seconds
        ├── CircuitOpen           nothing was sent: too many calls failed before
        ├── ConnectionFailed      the service was not reached, or broke off
        │   ├── TimedOut          it did not answer in time
        │   └── ProtocolBroken    what answered does not speak HTTP, or broke its answer off
        ├── UnexpectedAnswer      what answered is not a churn service
        └── StatusError           the service answered with an error
            ├── NotAuthorized     401, 403: the API key is missing or unknown
            ├── RequestRefused    4xx: it does not take such a request
            │   ├── BadRequest        400
            │   ├── NotFound          404
            │   ├── RequestTooSlow    408: the request did not arrive in time
            │   ├── RequestTooLarge   413
            │   ├── WrongMediaType    415
            │   └── CustomerRefused   422: also an `InvalidCustomer`
            ├── TooManyRequests   429: and it stayed so until the client gave up
            └── ServiceFailed     5xx: and it stayed so until the client gave up
```

Errors carry plain data and survive pickling. They never quote a customer or a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from churn_core.errors import ChurnError, InvalidCustomer
from churn_core.schemas import FieldProblem, Problem

__all__ = [
    "BadRequest",
    "CallFailed",
    "ChurnClientError",
    "CircuitOpen",
    "ClientClosed",
    "ConfigError",
    "ConnectionFailed",
    "CustomerRefused",
    "InvalidCustomer",
    "NotAuthorized",
    "NotCustomers",
    "NotFound",
    "ProtocolBroken",
    "RequestRefused",
    "RequestTooLarge",
    "RequestTooSlow",
    "RowError",
    "ServiceFailed",
    "StatusError",
    "TimedOut",
    "TooManyRequests",
    "UnexpectedAnswer",
    "WrongLoop",
    "WrongMediaType",
    "status_error",
]


class ChurnClientError(ChurnError):
    """Root of all failures of the client."""


class ConfigError(ChurnClientError):
    """The client is told something that cannot be."""


class ClientClosed(ChurnClientError, RuntimeError):
    """The client was closed before."""


class NotCustomers(ChurnClientError, TypeError):
    """What should be many customers is something else."""


class WrongLoop(ChurnClientError, RuntimeError):
    """The client belongs to another event loop."""


class RowError(ChurnClientError):
    """One of many customers has no prediction.

    Attributes:
        index: The customer's place in what `predict_many` was given, counted from 0.
        problems: What is wrong, field by field.
    """

    def __init__(self, index: int, problems: Sequence[FieldProblem]) -> None:
        self.index = index
        self.problems = tuple(problems)
        super().__init__(index, self.problems)

    def __str__(self) -> str:
        return f"customer {self.index}: {'; '.join(map(str, self.problems))}"


class CallFailed(ChurnClientError):
    """A call has no result.

    Attributes:
        request_id: By which the service's log knows the call.
        attempts: How often it was sent.
        elapsed: Seconds from the start of the call to its end.
        problem: The service's own account, where it gave one.
    """

    request_id: str = ""
    attempts: int = 0
    elapsed: float = 0.0
    problem: Problem | None = None

    def of_call(self, request_id: str, attempts: int, elapsed: float) -> Self:
        """Note which call failed; the service's own id of it stays."""
        self.request_id = self.request_id or request_id
        self.attempts = attempts
        self.elapsed = elapsed
        return self

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self._effort()})" if self.attempts else text

    def _effort(self) -> str:
        """The call in words that may be logged."""
        times = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"request {self.request_id or 'unknown'}, {times}, {self.elapsed:.2f} s"


class CircuitOpen(CallFailed):
    """Nothing was sent, since too many calls failed before."""


class ConnectionFailed(CallFailed):
    """The service was not reached, or broke off."""


class TimedOut(ConnectionFailed):
    """The service did not answer in time."""


class ProtocolBroken(ConnectionFailed):
    """What answered does not speak HTTP, or broke its answer off."""


class UnexpectedAnswer(CallFailed):
    """What answered is not a churn service, or a newer one that this client does not understand."""


class StatusError(CallFailed):
    """The service answered with an error.

    Attributes:
        status: The HTTP status.
        detail: The service's own sentence.
        problems: What is wrong with which field of the request.
    """

    def __init__(
        self, status: int, detail: str, problems: Sequence[FieldProblem] = (), request_id: str = ""
    ) -> None:
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)
        self.request_id = request_id
        Exception.__init__(self, status, detail, self.problems, request_id)

    def __reduce__(self) -> tuple[type[StatusError], tuple[Any, ...], dict[str, Any]]:
        return type(self), self.args, vars(self)

    def __str__(self) -> str:
        parts = [self.detail, *map(str, self.problems)]
        effort = self._effort() if self.attempts else f"request {self.request_id or 'unknown'}"
        return f"{' '.join(filter(None, parts))} (HTTP {self.status}, {effort})"


class NotAuthorized(StatusError):
    """The API key is missing or unknown."""


class RequestRefused(StatusError):
    """The service does not take such a request."""


class BadRequest(RequestRefused):
    """The request is wrong, such as a parameter that the service does not know."""


class NotFound(RequestRefused):
    """The service offers nothing there: perhaps the URL is not its."""


class RequestTooSlow(RequestRefused):
    """The request did not arrive in time."""


class RequestTooLarge(RequestRefused):
    """There are too many customers, or bytes, in one request."""


class WrongMediaType(RequestRefused):
    """The service does not take what the request is written in."""


class CustomerRefused(RequestRefused, InvalidCustomer):
    """The service refused the customer."""


class TooManyRequests(StatusError):
    """The service asked to wait, and still did when the client gave up."""


class ServiceFailed(StatusError):
    """The service failed or was not ready."""


_KINDS: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    408: RequestTooSlow,
    413: RequestTooLarge,
    415: WrongMediaType,
    422: CustomerRefused,
    429: TooManyRequests,
}


def status_error(
    status: int, detail: str, problems: Sequence[FieldProblem] = (), request_id: str = ""
) -> StatusError:
    """The error that stands for an HTTP status."""
    kind = _KINDS.get(status, ServiceFailed if status >= 500 else RequestRefused)
    return kind(status, detail, problems, request_id)
