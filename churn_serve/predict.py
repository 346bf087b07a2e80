"""`POST /predict` and `POST /predict/batch`: from the bytes of a request to those of its answer.

Both skip the framework: pydantic reads and writes the JSON, and the model answers single customers in
the event loop, where a hop to a thread would cost more than the answer (see `churn_serve.together`).
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
from churn_serve.together import Together, answers
from churn_serve.wanted import Wanted, wanted

__all__ = ["Predict", "PredictBatch"]

_REASONS = {"reasons"}


class Predict:
    """Answers one customer, with what the query asks for."""

    def __init__(self, scorer: Scorer, settings: Settings, recorder: Recorder | None) -> None:
        self._scorer = scorer
        self._together = Together(scorer)
        self._limit = settings.max_body_bytes
        self._seconds = settings.body_seconds
        self._recorder = recorder

    async def __call__(self, exchange: Exchange) -> None:
        asked = wanted(exchange.scope["query_string"], self._scorer.bundle)
        body = await exchange.json_body(self._limit, self._seconds)
        try:
            customer = self._scorer.customer_class.parse_json(body)
        except InvalidCustomer as error:
            raise invalid_customer(error, body, self._scorer.customer_class) from None
        answer = _signed(await self._ask(customer, asked), exchange.request_id)
        exchange.rows = 1
        await exchange.reply(
            200, answer.model_dump_json(exclude=None if asked.explain else _REASONS).encode()
        )
        if self._recorder:
            self._recorder.record([customer], [answer])

    async def _ask(self, customer: Customer, asked: Wanted) -> ChurnPrediction:
        if asked.action:  # takes milliseconds, in which others can be answered
            return (await asyncio.to_thread(answers, self._scorer, [customer], asked))[0]
        return await self._together(customer, asked)


class PredictBatch:
    """Answers many customers at once; a bad row has its own error and spoils no other."""

    def __init__(self, scorer: Scorer, settings: Settings, recorder: Recorder | None) -> None:
        self._scorer = scorer
        self._limit = settings.max_batch_bytes
        self._seconds = settings.body_seconds
        self._most = settings.max_batch_rows
        self._recorder = recorder

    async def __call__(self, exchange: Exchange) -> None:
        asked = wanted(exchange.scope["query_string"], self._scorer.bundle)
        body = await exchange.json_body(self._limit, self._seconds)
        customers, found, content = await asyncio.to_thread(self._answer, body, asked, exchange.request_id)
        exchange.rows = len(customers)
        await exchange.reply(200, content)
        if self._recorder:
            self._recorder.record(customers, found)

    def _answer(
        self, body: bytes, asked: Wanted, request_id: str
    ) -> tuple[list[Customer], list[ChurnPrediction], bytes]:
        rows = read_rows(body)
        if len(rows) > self._most:
            raise Refusal(413, f"A batch must not have more than {self._most} customers.")
        read = [self._read(index, row) for index, row in enumerate(rows)]
        customers = [row for row in read if isinstance(row, Customer)]
        found = [_signed(answer, request_id) for answer in answers(self._scorer, customers, asked)]
        left = iter(found)
        batch = BatchAnswer(
            predictions=tuple(next(left) if isinstance(row, Customer) else None for row in read),
            errors=tuple(row for row in read if isinstance(row, BatchError)),
            request_id=request_id,
        )
        left_out = None if asked.explain else {"predictions": {"__all__": _REASONS}}
        return customers, found, batch.model_dump_json(exclude=left_out).encode()

    def _read(self, index: int, row: Any) -> Customer | BatchError:
        try:
            if isinstance(row, InvalidCustomer):
                raise row
            return self._scorer.customer_class.parse(row)
        except InvalidCustomer as error:
            return BatchError(index=index, errors=problem_fields(error.problems))


def _signed(answer: ChurnPrediction, request_id: str) -> ChurnPrediction:
    # Nobody else has seen this answer yet, and a copy would cost as much as all of its JSON.
    vars(answer)["request_id"] = request_id
    return answer
