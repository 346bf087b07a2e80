"""What the client can ask; shared by its two forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from churn_client._config import Config
from churn_client._errors import CallFailed, InvalidCustomer, RowError, UnexpectedAnswer
from churn_client._exchange import Answer, Caller, Operation
from churn_client._reading import problems_of, read
from churn_client._spans import require_tracing
from churn_core.schemas import (
    BatchAnswer,
    ChurnPrediction,
    Customer,
    FieldProblem,
    LanguageName,
    ModelInfo,
    SchemaInfo,
)

__all__ = ["AnyCustomer", "Core", "Wanted"]

AnyCustomer = Customer | Mapping[str, Any]


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


@dataclass(frozen=True)
class Core:
    """The operations of a client.

    Attributes:
        schema: Customers are checked against it before they are sent; without it the service does.
    """

    config: Config
    caller: Caller
    schema: type[Customer] | None = None

    @classmethod
    def of(cls, config: Config, schema: type[Customer] | None) -> Self:
        """What a client with these settings can ask.

        Raises:
            ConfigError: It is to be traced, and OpenTelemetry is not installed.
        """
        if config.tracing:
            require_tracing()
        return cls(config, Caller(config), schema)

    def predict(self, customer: AnyCustomer, wanted: Wanted) -> Operation[ChurnPrediction]:
        """Ask about one customer."""
        answer = yield from self.caller.call("POST", f"/predict?{wanted.query}", self._encode(customer))
        prediction = read(ChurnPrediction, answer)
        _require_same(answer, [prediction], [_id(customer)])
        return prediction

    def predict_batch(
        self, first: int, customers: Sequence[AnyCustomer], wanted: Wanted
    ) -> Operation[list[ChurnPrediction | RowError]]:
        """Ask about a few customers at once; `first` is the index of the first of them."""
        results: list[Any] = [self._encode_row(first + at, one) for at, one in enumerate(customers)]
        sent = [at for at, row in enumerate(results) if isinstance(row, bytes)]
        if not sent:
            return results
        body = b'{"customers":[' + b",".join(results[at] for at in sent) + b"]}"
        answer = yield from self.caller.call("POST", f"/predict/batch?{wanted.query}", body)
        found = _complete(answer, len(sent))
        _require_same(answer, found, [_id(customers[at]) for at in sent])
        for at, result in zip(sent, found, strict=True):
            results[at] = RowError(first + at, result) if isinstance(result, tuple) else result
        return results

    def model(self) -> Operation[ModelInfo]:
        """Ask which model answers."""
        return read(ModelInfo, (yield from self.caller.call("GET", "/model")))

    def customer_schema(self) -> Operation[SchemaInfo]:
        """Ask which customers are answered."""
        return read(SchemaInfo, (yield from self.caller.call("GET", "/schema")))

    def ready(self) -> Operation[bool]:
        """Ask once whether the service is ready."""
        try:
            answer = yield from self.caller.call("GET", "/health/ready", retries=0)
        except CallFailed:
            return False
        return answer.response.status == 200

    def _encode_row(self, index: int, customer: AnyCustomer) -> bytes | RowError:
        try:
            return self._encode(customer)
        except InvalidCustomer as error:
            return RowError(index, error.problems)

    def _encode(self, customer: AnyCustomer) -> bytes:
        if self.schema:
            customer = self.schema.parse(customer)
        try:
            if isinstance(customer, Customer):
                return customer.model_dump_json().encode()
            return json.dumps(dict(customer), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            raise InvalidCustomer(_unsendable(customer)) from None


def _complete(answer: Answer, rows: int) -> list[ChurnPrediction | tuple[FieldProblem, ...]]:
    """What came of each customer of a batch."""
    batch = read(BatchAnswer, answer)
    faults = {error.index: problems_of(error.errors) for error in batch.errors}
    results = [found or faults.get(at) for at, found in enumerate(batch.predictions)]
    complete = [result for result in results if result is not None]
    if len(complete) != rows or len(results) != rows:
        raise answer.failed(UnexpectedAnswer(f"the service answered {len(complete)} of {rows} customers"))
    return complete


def _require_same(answer: Answer, results: Sequence[object], ids: Sequence[object]) -> None:
    """Refuse an answer about somebody else, as after a mix-up of connections between here and there."""
    for result, asked in zip(results, ids, strict=True):
        if isinstance(result, ChurnPrediction) and isinstance(asked, str) and result.customer_id != asked:
            raise answer.failed(UnexpectedAnswer("the answer is about another customer than was asked for"))


def _id(customer: AnyCustomer) -> object:
    return customer.customer_id if isinstance(customer, Customer) else customer.get("customer_id")


def _unsendable(customer: object) -> list[FieldProblem]:
    """Which values have no JSON form."""
    if isinstance(customer, Customer):
        return [FieldProblem("", "the customer has no JSON form", "values of its schema")]
    if not isinstance(customer, Mapping):
        return [FieldProblem("", "the customer is not an object", "a Customer or a mapping")]
    problems: list[FieldProblem] = []
    for name, value in customer.items():  # type: ignore[misc]
        try:
            json.dumps({name: value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            kind = type(value).__name__  # type: ignore[misc]
            message = "is not a finite number" if isinstance(value, float) else f"has no JSON form: {kind}"
            problems.append(FieldProblem(str(name)[:64], message, ""))  # type: ignore[misc]
    return problems
