"""`POST /predict` and `POST /predict/batch`: from the bytes of a request to those of its answer.

Both skip the framework: pydantic reads and writes the JSON, and the model answers one customer in
the event loop, where a hop to a thread would cost more than the answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from churn_core.bundle import Scorer
from churn_core.errors import InvalidCustomer
from churn_core.schemas import BatchAnswer, BatchError, ChurnPrediction, Customer
from churn_serve.envelope import read_rows
from churn_serve.errors import Refusal
from churn_serve.exchange import Exchange
from churn_serve.problems import invalid_customer, problem_fields
from churn_serve.record import Recorder
from churn_serve.settings import Settings

__all__ = ["Predict", "PredictBatch"]

_REASONS = {"reasons"}


class Predict:
    """Answers one customer, with reasons unless `?explain=false`."""

    def __init__(self, scorer: Scorer, settings: Settings, recorder: Recorder | None) -> None:
        self._scorer = scorer
        self._limit = settings.max_body_bytes
        self._seconds = settings.body_seconds
        self._recorder = recorder

    async def __call__(self, exchange: Exchange) -> None:
        explain = exchange.flag("explain", default=True)
        body = await exchange.json_body(self._limit, self._seconds)
        try:
            customer = self._scorer.customer_class.parse_json(body)
        except InvalidCustomer as error:
            raise invalid_customer(error, body, self._scorer.customer_class) from None
        answer = _signed(self._scorer.predict(customer, explain=explain), exchange.request_id)
        exchange.rows = 1
        await exchange.reply(200, answer.model_dump_json(exclude=None if explain else _REASONS).encode())
        if self._recorder:
            self._recorder.record([customer], [answer])


class PredictBatch:
    """Answers many customers at once; a bad row has its own error and spoils no other."""

    def __init__(self, scorer: Scorer, settings: Settings, recorder: Recorder | None) -> None:
        self._scorer = scorer
        self._limit = settings.max_batch_bytes
        self._seconds = settings.body_seconds
        self._most = settings.max_batch_rows
        self._recorder = recorder

    async def __call__(self, exchange: Exchange) -> None:
        explain = exchange.flag("explain", default=True)
        body = await exchange.json_body(self._limit, self._seconds)
        customers, answers, content = await asyncio.to_thread(
            self._answer, body, explain, exchange.request_id
        )
        exchange.rows = len(customers)
        await exchange.reply(200, content)
        if self._recorder:
            self._recorder.record(customers, answers)

    def _answer(
        self, body: bytes, explain: bool, request_id: str
    ) -> tuple[list[Customer], list[ChurnPrediction], bytes]:
        rows = read_rows(body)
        if len(rows) > self._most:
            raise Refusal(413, f"A batch must not have more than {self._most} customers.")
        read = [self._read(index, row) for index, row in enumerate(rows)]
        customers = [row for row in read if isinstance(row, Customer)]
        answers = [_signed(a, request_id) for a in self._scorer.predict_many(customers, explain=explain)]
        left = iter(answers)
        batch = BatchAnswer(
            predictions=tuple(next(left) if isinstance(row, Customer) else None for row in read),
            errors=tuple(row for row in read if isinstance(row, BatchError)),
            request_id=request_id,
        )
        left_out = None if explain else {"predictions": {"__all__": _REASONS}}
        return customers, answers, batch.model_dump_json(exclude=left_out).encode()

    def _read(self, index: int, row: Any) -> Customer | BatchError:
        try:
            if isinstance(row, InvalidCustomer):
                raise row
            return self._scorer.customer_class.parse(row)
        except InvalidCustomer as error:
            return BatchError(index=index, errors=problem_fields(error.problems))


def _signed(answer: ChurnPrediction, request_id: str) -> ChurnPrediction:
    return answer.model_copy(update={"request_id": request_id})
