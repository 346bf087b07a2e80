"""Every error that churn_client raises on purpose.

```text
ChurnError
├── InvalidCustomer           a customer does not fit the schema; nothing was sent
└── ChurnClientError
    ├── ConfigError           the client is told something that cannot be
    ├── ClientClosed          it was closed before; also a `RuntimeError`
    ├── NotCustomers          `predict_many` was given no customers to go through; also a `TypeError`
    ├── ConnectionFailed      the service was not reached, or broke off
    │   └── TimedOut          it did not answer in time
    ├── UnexpectedAnswer      what answered is not a churn service
    ├── RowError              one of many customers has no prediction; a value of `predict_many`
    └── StatusError           the service answered with an error
        ├── RequestRefused    4xx: it does not take such a request
        │   └── CustomerRefused   422: also an `InvalidCustomer`
        ├── NotAuthorized     401, 403: the API key is missing or unknown
        ├── TooManyRequests   429: and it stayed so until the deadline
        └── ServiceFailed     5xx: and it stayed so until the deadline
```

Errors carry plain data and survive pickling. They never quote a customer or a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn_core.errors import ChurnError, InvalidCustomer
from churn_core.schemas import FieldProblem

__all__ = [
    "ChurnClientError",
    "ClientClosed",
    "ConfigError",
    "ConnectionFailed",
    "CustomerRefused",
    "InvalidCustomer",
    "NotAuthorized",
    "NotCustomers",
    "RequestRefused",
    "RowError",
    "ServiceFailed",
    "StatusError",
    "TimedOut",
    "TooManyRequests",
    "UnexpectedAnswer",
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


class ConnectionFailed(ChurnClientError):
    """The service was not reached, or broke off."""


class TimedOut(ConnectionFailed):
    """The service did not answer in time."""


class UnexpectedAnswer(ChurnClientError):
    """What answered is not a churn service, or a newer one that this client does not understand."""


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


class StatusError(ChurnClientError):
    """The service answered with an error.

    Attributes:
        status: The HTTP status.
        detail: The service's own sentence.
        problems: What is wrong with which field of the request.
        request_id: By which the service's log knows the request.
    """

    def __init__(
        self, status: int, detail: str, problems: Sequence[FieldProblem] = (), request_id: str = ""
    ) -> None:
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)
        self.request_id = request_id
        Exception.__init__(self, status, detail, self.problems, request_id)

    def __reduce__(self) -> tuple[type[StatusError], tuple[Any, ...]]:
        return type(self), self.args

    def __str__(self) -> str:
        parts = [self.detail, *map(str, self.problems)]
        return f"{' '.join(filter(None, parts))} (HTTP {self.status}, request {self.request_id or 'unknown'})"


class RequestRefused(StatusError):
    """The service does not take such a request."""


class CustomerRefused(RequestRefused, InvalidCustomer):
    """The service refused the customer."""


class NotAuthorized(StatusError):
    """The API key is missing or unknown."""


class TooManyRequests(StatusError):
    """The service asked to wait, and still did when the deadline came."""


class ServiceFailed(StatusError):
    """The service failed or was not ready."""


_KINDS: dict[int, type[StatusError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    422: CustomerRefused,
    429: TooManyRequests,
}


def status_error(
    status: int, detail: str, problems: Sequence[FieldProblem] = (), request_id: str = ""
) -> StatusError:
    """The error that stands for an HTTP status."""
    kind = _KINDS.get(status, ServiceFailed if status >= 500 else RequestRefused)
    return kind(status, detail, problems, request_id)
