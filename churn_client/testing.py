"""A churn service inside the test process, for those who build on the client.

```python
from churn_client import predict_churn
from churn_client.testing import FakeChurnService


def test_likely_churners_are_called() -> None:
    with FakeChurnService(probability=0.9) as service:
        my_campaign()  # calls predict_churn
    assert service.customers[0].customer_id == "7590-VHVEG"
```

It refuses what a real service refuses, in the same words. It makes up the probability, and from it the
interval and the action; the same customer has the same ones every time. It gives no reasons.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel

from churn_client._async_client import AsyncChurnClient
from churn_client._client import ChurnClient
from churn_client._errors import ConnectionFailed, InvalidCustomer
from churn_client._messages import Request, Response
from churn_client._shared import use_client
from churn_core.schemas import (
    Action,
    BatchAnswer,
    BatchError,
    Change,
    ChurnPrediction,
    Customer,
    IbmTelcoCustomer,
    ModelInfo,
    ModelRef,
    ProbabilityInterval,
    Problem,
    SchemaInfo,
)
from churn_core.schemas.wire import ProblemField

__all__ = ["FakeChurnService"]

_URL = "http://fake-churn-service"
_MODEL = ModelRef(name="fake", version="1", digest="0" * 64)


class FakeChurnService:
    """Answers in this process, without a network and without a model.

    As a context manager it also answers `predict_churn`.

    Args:
        schema: The customers that it answers.
        probability: Of churn, for everyone or from the customer.
        threshold: Probability from which the prediction is 1.
        api_key: The key that it asks for, if any.

    Attributes:
        customers: Who was answered, in order.
        requests: What was sent, in order.
    """

    def __init__(
        self,
        schema: type[Customer] = IbmTelcoCustomer,
        probability: float | Callable[[Any], float] = 0.5,
        threshold: float = 0.5,
        api_key: str | None = None,
    ) -> None:
        self.schema = schema
        self.customers: list[Customer] = []
        self.requests: list[Request] = []
        self._probability = probability
        self._threshold = threshold
        self._api_key = api_key
        self._failures: deque[Response | ConnectionFailed] = deque()
        self._before: list[ChurnClient | None] = []

    def client(self, **options: Any) -> ChurnClient:
        """A client of this service; takes the options of `ChurnClient`."""
        return ChurnClient(_URL, self._api_key, transport=_Carrier(self), **options)

    def async_client(self, **options: Any) -> AsyncChurnClient:
        """The same for `AsyncChurnClient`."""
        return AsyncChurnClient(_URL, self._api_key, transport=_AsyncCarrier(self), **options)

    def fail(self, *statuses: int, retry_after: float | None = None) -> None:
        """Let the next requests fail, one for each status; 0 breaks the connection."""
        for status in statuses:
            if status:
                headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
                self._failures.append(_problem(status, "The test wants it so.", headers=headers))
            else:
                self._failures.append(ConnectionFailed(f"{_URL} cannot be reached: the test wants it so"))

    def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionFailed: `fail(0)` asked for it.
        """
        self.requests.append(request)
        response = self._failures.popleft() if self._failures else self._answer(request)
        if isinstance(response, ConnectionFailed):
            raise response
        request_id = request.headers.get("x-request-id", "")
        return Response(response.status, response.content, {**response.headers, "x-request-id": request_id})

    def __enter__(self) -> Self:
        self._before.append(use_client(self.client()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        use_client(self._before.pop())

    def _answer(self, request: Request) -> Response:
        path = request.path.partition("?")[0]
        if self._api_key and path != "/health/ready" and request.headers.get("x-api-key") != self._api_key:
            return _problem(401, "The header X-API-Key is missing or unknown.")
        if path == "/predict":
            return self._predict(request)
        if path == "/predict/batch":
            return self._predict_batch(request)
        if path == "/health/ready":
            return Response(200, b'{"status":"ready"}')
        answers: dict[str, Callable[[], BaseModel]] = {"/model": self._model, "/schema": self._schema_info}
        if path in answers:
            return _json(answers[path]())
        return _problem(404, f"{request.method} {path} is not what this service offers.")

    def _predict(self, request: Request) -> Response:
        try:
            customer = self.schema.parse_json(request.content)
        except InvalidCustomer as error:
            detail = f"The customer does not fit schema {self.schema.spec.name!r}."
            return _problem(422, detail, _fields(error))
        return _json(self._prediction(customer, request))

    def _predict_batch(self, request: Request) -> Response:
        predictions: list[ChurnPrediction | None] = []
        errors: list[BatchError] = []
        for index, row in enumerate(json.loads(request.content)["customers"]):
            try:
                predictions.append(self._prediction(self.schema.parse(row), request))
            except InvalidCustomer as error:
                predictions.append(None)
                errors.append(BatchError(index=index, errors=_fields(error)))
        return _json(BatchAnswer(predictions=tuple(predictions), errors=tuple(errors)))

    def _prediction(self, customer: Customer, request: Request) -> ChurnPrediction:
        self.customers.append(customer)
        query = dict(parse_qsl(request.path.partition("?")[2]))
        chosen = self._probability
        probability = chosen(customer) if callable(chosen) else chosen
        return ChurnPrediction(
            customer_id=customer.customer_id,
            churn_probability=probability,
            churn_prediction=1 if probability >= self._threshold else 0,
            churn_risk="HIGH" if probability >= 0.6 else "MEDIUM" if probability >= 0.3 else "LOW",
            threshold=self._threshold,
            expected_profit=0.0,
            interval=_interval(probability) if query.get("interval") == "true" else None,
            action=self._action(customer, probability) if query.get("action") == "true" else None,
            model=_MODEL,
            request_id=request.headers.get("x-request-id", ""),
        )

    def _action(self, customer: Customer, probability: float) -> Action:
        """A move that halves the probability, where the customer is not below the threshold already."""
        move = _move(self.schema, customer) if probability >= self._threshold else None
        changes, cost = ((move[0],), move[1]) if move else ((), 0.0)
        after = probability / 2 if move else probability
        return Action(
            changes=changes,
            reaches_threshold=after < self._threshold,
            churn_probability=after,
            cost=cost,
            expected_profit=0.0,
            text="".join(f"{change.feature}: {change.becomes}" for change in changes) or "No change.",
            note="Made up for a test: it says nothing about what would happen.",
        )

    def _model(self) -> ModelInfo:
        spec = self.schema.spec
        return ModelInfo(
            **_MODEL.model_dump(),
            schema_name=spec.name,
            schema_version=spec.version,
            schema_fingerprint=spec.fingerprint,
            trainer="none",
            members=(),
            threshold=self._threshold,
            dataset="none",
            train_rows=0,
            metrics={},
        )

    def _schema_info(self) -> SchemaInfo:
        spec = self.schema.spec
        return SchemaInfo(
            name=spec.name,
            version=spec.version,
            fingerprint=spec.fingerprint,
            example=spec.example(),
            spec=spec,
            json_schema=self.schema.model_json_schema(),
        )


class _Carrier:
    def __init__(self, service: FakeChurnService) -> None:
        self._service = service

    def send(self, request: Request) -> Response:
        return self._service.handle(request)

    def close(self) -> None:
        """There is nothing to close."""


class _AsyncCarrier:
    def __init__(self, service: FakeChurnService) -> None:
        self._service = service

    async def send(self, request: Request) -> Response:
        return self._service.handle(request)

    async def close(self) -> None:
        """There is nothing to close."""


def _interval(probability: float) -> ProbabilityInterval:
    low, high = max(probability - 0.1, 0.0), min(probability + 0.1, 1.0)
    return ProbabilityInterval(low=low, high=high, coverage=0.9)


def _move(schema: type[Customer], customer: Customer) -> tuple[Change, float] | None:
    """The last of the schema's moves that leads to a valid customer, and its cost."""
    values = customer.model_dump()
    for field in reversed(schema.spec.fields):
        for move in field.moves:
            if move.starts_from(values[field.name]):
                with suppress(InvalidCustomer):
                    schema.parse({**values, field.name: move.to})
                    change = Change(feature=field.name, value=values[field.name], becomes=move.to)
                    return change, move.cost
    return None


def _json(answer: BaseModel) -> Response:
    return Response(200, answer.model_dump_json().encode(), {"content-type": "application/json"})


def _problem(
    status: int, detail: str, errors: tuple[ProblemField, ...] = (), headers: dict[str, str] | None = None
) -> Response:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    content = problem.model_dump_json().encode()
    return Response(status, content, {"content-type": "application/problem+json", **(headers or {})})


def _fields(error: InvalidCustomer) -> tuple[ProblemField, ...]:
    return tuple(ProblemField(field=p.field, message=p.message, allowed=p.allowed) for p in error.problems)
