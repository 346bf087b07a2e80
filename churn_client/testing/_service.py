"""The service itself: what it was asked, what it answers, and how it fails when told to."""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from churn_client._async_client import AsyncChurnClient
from churn_client._client import ChurnClient
from churn_client._errors import ConnectionFailed, InvalidCustomer, TimedOut
from churn_client._messages import Request, Response
from churn_client.testing._answers import MODEL, model_info, prediction
from churn_client.testing._detour import AsyncCarrier, Carrier, detour, without_waiting
from churn_client.testing._refusals import (
    BATCH_BYTES,
    BATCH_ROWS,
    BODY_BYTES,
    Refused,
    check_body,
    read_customer,
    read_query,
    read_rows,
    row_errors,
)
from churn_core.schemas import (
    BatchAnswer,
    BatchError,
    ChurnPrediction,
    Customer,
    IbmTelcoCustomer,
    Problem,
    SchemaInfo,
)

__all__ = ["FakeChurnService"]

_URL = "http://fake-churn-service"
_JSON, _PROBLEM_JSON = "application/json", "application/problem+json"
_METHODS = {
    "/predict": "POST",
    "/predict/batch": "POST",
    "/model": "GET",
    "/schema": "GET",
    "/health/live": "GET",
    "/health/ready": "GET",
}
_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")
_CHALLENGE = {"www-authenticate": 'ApiKey header="X-API-Key"'}


class FakeChurnService:
    """Answers in this process, without a network and without a model.

    It refuses what a real service refuses, in the same words. It makes up the probability, and from
    it the interval, the reasons and the action; the same customer has the same ones every time.

    As a context manager it answers `predict_churn` and every `ChurnClient` and `AsyncChurnClient`
    that is made meanwhile. Its clients never sleep: pauses and delays only move `seconds` on.

    Args:
        schema: The customers that it answers.
        probability: Of churn, for everyone or from the customer.
        threshold: Probability from which the prediction is 1.
        api_key: The key that it asks for, if any.
        max_batch_rows: Most customers in one request.

    Attributes:
        customers: Who was answered, in order.
        requests: What was sent, in order, headers included.
        seconds: How long all of it would have taken.
        ready: Whether it has a model; without one it answers with 503.
        reachable: Whether connections succeed.
    """

    def __init__(
        self,
        schema: type[Customer] = IbmTelcoCustomer,
        probability: float | Callable[[Any], float] = 0.5,
        threshold: float = 0.5,
        api_key: str | None = None,
        *,
        max_batch_rows: int = BATCH_ROWS,
    ) -> None:
        self.schema = schema
        self.probability = probability
        self.threshold = threshold
        self.max_batch_rows = max_batch_rows
        self.customers: list[Customer] = []
        self.requests: list[Request] = []
        self.seconds = 0.0
        self.ready = True
        self.reachable = True
        self._api_key = api_key
        self._scripted: deque[Response | int] = deque()
        self._delays: deque[float] = deque()
        self._lock = threading.Lock()  # `predict_many` asks from several threads
        self._entered: list[ExitStack] = []

    def client(self, **options: Any) -> ChurnClient:
        """A client of this service; takes the options of `ChurnClient`."""
        with without_waiting(self):
            return ChurnClient(_URL, self._api_key, transport=Carrier(self), **options)

    def async_client(self, **options: Any) -> AsyncChurnClient:
        """The same for `AsyncChurnClient`."""
        with without_waiting(self):
            return AsyncChurnClient(_URL, self._api_key, transport=AsyncCarrier(self), **options)

    def fail(self, *statuses: int, retry_after: float | None = None) -> None:
        """Let the next requests fail, one for each status; 0 breaks the connection."""
        headers = {} if retry_after is None else {"retry-after": str(math.ceil(retry_after))}
        for status in statuses:
            refused = Refused(status, "The test wants it so.", headers=headers)
            self._scripted.append(_problem(refused, "") if status else 0)

    def say(self, *contents: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Let the next requests be answered with these bytes, such as those of no churn service."""
        self._scripted += [Response(status, content, headers or {}) for content in contents]

    def delay(self, *seconds: float) -> None:
        """Let the next requests take so long; one that takes longer than its client waits is timed out."""
        self._delays += seconds

    def pass_time(self, seconds: float) -> None:
        """Move `seconds` on."""
        with self._lock:
            self.seconds += seconds

    def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionFailed: It is not reachable, or is to break the connection off.
            TimedOut: It is to take longer than the client waits.
        """
        with self._lock:
            self.requests.append(request)
            given = request.headers.get("x-request-id", "")
            request_id = given if _REQUEST_ID.fullmatch(given) else f"{len(self.requests):032x}"
            self._take_time(request)
            if not self.reachable:
                raise ConnectionFailed(f"{_URL} cannot be reached: the test wants it so")
            response = self._scripted.popleft() if self._scripted else self._respond(request, request_id)
        if isinstance(response, int):
            raise ConnectionFailed(f"{_URL} broke the connection off: the test wants it so")
        content = b"" if request.method == "HEAD" else response.content
        return Response(response.status, content, {**response.headers, "x-request-id": request_id})

    def __enter__(self) -> Self:
        self._entered.append(detour(self, _URL, self._api_key))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop().close()

    def _take_time(self, request: Request) -> None:
        delay = self._delays.popleft() if self._delays else 0.0
        self.seconds += min(delay, request.timeout)
        if delay > request.timeout:
            raise TimedOut(f"{_URL} did not answer within {request.timeout:.3g} s")

    def _respond(self, request: Request, request_id: str) -> Response:
        try:
            return Response(200, self._answer(request, request_id), {"content-type": _JSON})
        except Refused as refused:
            return _problem(refused, request_id)

    def _answer(self, request: Request, request_id: str) -> bytes:
        path, _, query = request.path.partition("?")
        path = unquote(path)
        if self._api_key and not path.startswith("/health/"):
            self._check_key(request)
        if not self.ready and path != "/health/live":
            raise Refused(503, "No model is loaded yet.", headers={"retry-after": "1"})
        _check_route(request.method, path)
        if path == "/predict":
            return self._predict(request, query, request_id)
        if path == "/predict/batch":
            return self._predict_batch(request, query, request_id)
        if path == "/model":
            return model_info(self.schema, self.threshold).model_dump_json().encode()
        if path == "/schema":
            return SchemaInfo.of(self.schema.spec).model_dump_json().encode()
        if path == "/health/live":
            return b'{"status":"alive"}'
        return b'{"status":"ready","model":' + MODEL.model_dump_json().encode() + b"}"

    def _check_key(self, request: Request) -> None:
        if request.headers.get("x-api-key") != self._api_key:
            raise Refused(401, "The header X-API-Key is missing or unknown.", headers=_CHALLENGE)

    def _predict(self, request: Request, query: str, request_id: str) -> bytes:
        asked = read_query(query)
        check_body(request.headers, request.content, BODY_BYTES)
        customer = read_customer(self.schema, request.content)
        answer = self._prediction(customer, asked, request_id)
        return answer.model_dump_json(exclude=None if asked["explain"] else {"reasons"}).encode()

    def _predict_batch(self, request: Request, query: str, request_id: str) -> bytes:
        asked = read_query(query)
        check_body(request.headers, request.content, BATCH_BYTES)
        predictions: list[ChurnPrediction | None] = []
        errors: list[BatchError] = []
        for index, row in enumerate(read_rows(request.content, self.max_batch_rows)):
            try:
                predictions.append(self._prediction(self._read(row), asked, request_id))
            except InvalidCustomer as error:
                predictions.append(None)
                errors.append(BatchError(index=index, errors=row_errors(error)))
        batch = BatchAnswer(predictions=tuple(predictions), errors=tuple(errors), request_id=request_id)
        left_out = None if asked["explain"] else {"predictions": {"__all__": {"reasons"}}}
        return batch.model_dump_json(exclude=left_out).encode()

    def _read(self, row: Any) -> Customer:
        if isinstance(row, InvalidCustomer):
            raise row
        return self.schema.parse(row)

    def _prediction(self, customer: Customer, asked: Mapping[str, Any], request_id: str) -> ChurnPrediction:
        self.customers.append(customer)
        chosen = self.probability
        probability = chosen(customer) if callable(chosen) else chosen
        return prediction(customer, probability, self.threshold, asked, request_id)


def _check_route(method: str, path: str) -> None:
    allowed = _METHODS.get(path, "")
    if method == allowed or (method, allowed) == ("HEAD", "GET"):
        return
    headers = {"allow": "GET, HEAD" if allowed == "GET" else allowed} if allowed else {}
    detail = f"{method} {path[:64]} is not what this service offers."
    raise Refused(405 if allowed else 404, detail, headers=headers)


def _problem(refused: Refused, request_id: str) -> Response:
    problem = Problem(
        title=HTTPStatus(refused.status).phrase,
        status=refused.status,
        detail=refused.detail,
        request_id=request_id,
        errors=refused.errors,
    )
    headers = {"content-type": _PROBLEM_JSON, **refused.headers}
    return Response(refused.status, problem.model_dump_json().encode(), headers)
