"""What the client does, apart from waiting and sending: shared by its two forms.

An operation is a generator. It yields a `Request` to send or a `Wait`, is sent back what came of
it, and returns the result:

```text
ChurnClient ──────┐                              ┌── Transport
                  ├── runs ── Operation ── yields┤
AsyncChurnClient ─┘                              └── sleep
```
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from churn_client._config import Config
from churn_client._errors import (
    ConnectionFailed,
    InvalidCustomer,
    NotCustomers,
    RowError,
    UnexpectedAnswer,
    status_error,
)
from churn_client._messages import Request, Response
from churn_client._retry import RETRIED, backoff, retry_after
from churn_core.schemas import (
    BatchAnswer,
    ChurnPrediction,
    Customer,
    FieldProblem,
    LanguageName,
    ModelInfo,
    Problem,
    SchemaInfo,
)
from churn_core.schemas.wire import ProblemField

__all__ = [
    "CLOSED",
    "AnyCustomer",
    "Core",
    "Operation",
    "Outcome",
    "Step",
    "Wait",
    "Wanted",
    "require_customers",
]

AnyCustomer = Customer | Mapping[str, Any]
CLOSED = "the client is closed: make another one"
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Wait:
    """Nothing happens for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Wanted:
    """What an answer is to hold besides the probability and the decision."""

    explain: bool
    interval: bool = False
    action: bool = False
    language: LanguageName = "en"

    @property
    def query(self) -> str:
        """The query of a request; what older services do not know is in it only where it is asked for."""
        query = {"explain": "true" if self.explain else "false"}
        query |= {name: "true" for name in ("interval", "action") if getattr(self, name)}
        if self.language != "en":
            query["language"] = self.language
        return urlencode(query)


Step = Request | Wait
Outcome = Response | ConnectionFailed | None
Operation = Generator[Step, Outcome, T]


@dataclass(frozen=True)
class Core:
    """The operations of a client.

    Attributes:
        schema: Customers are checked against it before they are sent; without it the service does.
        clock: Seconds, never running backwards.
        draw: A random number from 0 to 1.
    """

    config: Config
    schema: type[Customer] | None = None
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random

    def predict(self, customer: AnyCustomer, wanted: Wanted) -> Operation[ChurnPrediction]:
        """Ask about one customer."""
        request = self._request("POST", f"/predict?{wanted.query}", self._encode(customer))
        return _read(ChurnPrediction, (yield from self._exchange(request)))

    def predict_batch(
        self, first: int, customers: Sequence[AnyCustomer], wanted: Wanted
    ) -> Operation[list[ChurnPrediction | RowError]]:
        """Ask about a few customers at once; `first` is the index of the first of them."""
        encoded = [self._encode_row(first + at, customer) for at, customer in enumerate(customers)]
        rows = [row for row in encoded if isinstance(row, bytes)]
        answers = iter((yield from self._batch(rows, wanted)) if rows else ())
        results: list[ChurnPrediction | RowError] = []
        for at, row in enumerate(encoded):
            found = row if isinstance(row, RowError) else next(answers)
            results.append(RowError(first + at, found) if isinstance(found, tuple) else found)
        return results

    def model(self) -> Operation[ModelInfo]:
        """Ask which model answers."""
        return _read(ModelInfo, (yield from self._exchange(self._request("GET", "/model"))))

    def customer_schema(self) -> Operation[SchemaInfo]:
        """Ask which customers are answered."""
        return _read(SchemaInfo, (yield from self._exchange(self._request("GET", "/schema"))))

    def ready(self) -> Operation[bool]:
        """Ask once whether the service is ready."""
        outcome = yield self._request("GET", "/health/ready")
        return isinstance(outcome, Response) and outcome.status == 200

    def _batch(
        self, rows: Sequence[bytes], wanted: Wanted
    ) -> Operation[list[ChurnPrediction | tuple[FieldProblem, ...]]]:
        body = b'{"customers":[' + b",".join(rows) + b"]}"
        request = self._request("POST", f"/predict/batch?{wanted.query}", body)
        batch = _read(BatchAnswer, (yield from self._exchange(request)))
        faults = {error.index: _problems(error.errors) for error in batch.errors}
        results = [found or faults.get(at) for at, found in enumerate(batch.predictions)]
        complete = [result for result in results if result is not None]
        if len(complete) != len(rows):
            raise UnexpectedAnswer(f"the service answered {len(complete)} of {len(rows)} customers")
        return complete

    def _exchange(self, request: Request) -> Operation[Response]:
        """Send until there is an answer, attempts run out or the deadline would pass."""
        ends = self.clock() + self.config.deadline
        attempt = 0
        while True:
            left = max(ends - self.clock(), 0.001)
            outcome = yield replace(request, timeout=min(self.config.timeout, left))
            if isinstance(outcome, Response) and outcome.status not in RETRIED:
                return outcome
            asked = outcome.headers.get("retry-after") if isinstance(outcome, Response) else None
            pause = backoff(attempt, self.draw(), retry_after(asked))
            if attempt >= self.config.retries or self.clock() + pause >= ends:
                return _last(outcome)
            yield Wait(pause)
            attempt += 1

    def _request(self, method: str, path: str, content: bytes = b"") -> Request:
        headers = {
            "accept": "application/json",
            "user-agent": "churn-client",
            "x-request-id": uuid.uuid4().hex,
        }
        if content:
            headers["content-type"] = "application/json"
        if self.config.api_key:
            headers["x-api-key"] = self.config.api_key.get_secret_value()
        return Request(method, path, content, headers, self.config.timeout)

    def _encode_row(self, index: int, customer: AnyCustomer) -> bytes | RowError:
        try:
            return self._encode(customer)
        except InvalidCustomer as error:
            return RowError(index, error.problems)

    def _encode(self, customer: AnyCustomer) -> bytes:
        if self.schema:
            customer = self.schema.parse(customer)
        if isinstance(customer, Customer):
            return customer.model_dump_json().encode()
        try:
            return json.dumps(dict(customer), allow_nan=False).encode()
        except (TypeError, ValueError):
            raise InvalidCustomer(_unsendable(customer)) from None


def require_customers(customers: object, *, asynchronous: bool) -> None:
    """Refuse what Python could go through, though its parts are no customers.

    Raises:
        NotCustomers: It is a text, one customer, or nothing to go through.
    """
    single = isinstance(customers, str | bytes | bytearray | Mapping | Customer)
    many = isinstance(customers, Iterable) or (asynchronous and isinstance(customers, AsyncIterable))
    if single or not many:
        kind = type(customers).__name__  # type: ignore[misc]
        hint = "; ask `predict` about one" if isinstance(customers, Mapping | Customer) else ""
        raise NotCustomers(f"predict_many needs an iterable of customers, not {kind}{hint}")


def _last(outcome: Outcome) -> Response:
    if isinstance(outcome, Response):
        return outcome
    raise outcome or ConnectionFailed("there was no answer")


def _read(model: type[M], response: Response) -> M:
    """The answer as a typed object.

    Raises:
        StatusError: The service refused or failed.
        UnexpectedAnswer: This is no answer of a churn service.
    """
    if response.status != 200:
        raise _error(response)
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise UnexpectedAnswer(f"the answer is not a {model.__name__} that this client knows") from None


def _error(response: Response) -> Exception:
    request_id = response.headers.get("x-request-id", "")
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        if response.status < 400:
            return UnexpectedAnswer(f"the service answered with status {response.status}")
        return status_error(response.status, "There is no explanation.", request_id=request_id)
    detail, problems = problem.detail or problem.title, _problems(problem.errors)
    return status_error(response.status, detail, problems, problem.request_id or request_id)


def _problems(errors: Sequence[ProblemField]) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(error.field, error.message, error.allowed) for error in errors)


def _unsendable(customer: object) -> list[FieldProblem]:
    """Which values have no JSON form."""
    if not isinstance(customer, Mapping):
        return [FieldProblem("", "the customer is not an object", "a Customer or a mapping")]
    problems: list[FieldProblem] = []
    for name, value in customer.items():  # type: ignore[misc]
        try:
            json.dumps({name: value}, allow_nan=False)
        except (TypeError, ValueError):
            kind = type(value).__name__  # type: ignore[misc]
            problems.append(FieldProblem(str(name)[:64], f"has no JSON form: {kind}", ""))  # type: ignore[misc]
    return problems
