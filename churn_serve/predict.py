"""`POST /predict` and `POST /predict/batch`: from the bytes of a request to those of its answer.

Both skip the framework: pydantic reads and writes the JSON, and the model answers single customers in
the event loop, where a hop to a thread would cost more than the answer (see `churn_serve.together`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from churn_core.bundle import Scorer
from churn_core.errors import InvalidCustomer
from churn_core.schemas import BatchAnswer, BatchError, ChurnPrediction, Customer
from churn_serve.admission import Gate, require_time
from churn_serve.envelope import read_rows
from churn_serve.errors import Refusal
from churn_serve.exchange import Exchange
from churn_serve.logs import hashed
from churn_serve.problems import invalid_customer, problem_fields
from churn_serve.record import Recorder
from churn_serve.settings import Settings
from churn_serve.together import Together, answers
from churn_serve.wanted import Wanted, wanted

__all__ = ["Predict", "PredictBatch", "Work"]

T = TypeVar("T")

_REASONS = {"reasons"}


@dataclass(frozen=True)
class Work:
    """What both routes need to work.

    Attributes:
        gate: How many requests are let in.
        threads: Where work is done that would keep others waiting.
        recorder: Whom to tell what was answered.
    """

    scorer: Scorer
    settings: Settings
    gate: Gate
    threads: Executor
    recorder: Recorder | None = None

    def in_thread(self, until: float, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Do what takes milliseconds, while others are answered; not at all once nobody waits for it."""

        def work() -> T:
            require_time(until)
            return function(*arguments)

        return asyncio.get_running_loop().run_in_executor(self.threads, work)

    def note(
        self, exchange: Exchange, customers: Sequence[Customer], found: Sequence[ChurnPrediction]
    ) -> None:
        """Tell what was answered."""
        exchange.rows = len(found)
        if self.settings.log_salt:
            exchange.customers = hashed(self.settings.log_salt, [answer.customer_id for answer in found])
        if self.recorder:
            self.recorder.record(customers, found)


class Predict:
    """Answers one customer, with what the query asks for."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._scorer = work.scorer
        self._gate = work.gate
        self._together = Together(work.scorer)
        self._limit = work.settings.max_body_bytes
        self._seconds = work.settings.body_seconds

    async def __call__(self, exchange: Exchange) -> None:
        asked = wanted(exchange.scope["query_string"], self._scorer.bundle)
        deadline = exchange.deadline()
        self._gate.check()
        body = await exchange.json_body(self._limit, self._seconds, self._gate)
        with self._gate:
            try:
                customer = self._scorer.customer_class.parse_json(body)
            except InvalidCustomer as error:
                raise invalid_customer(error, body, self._scorer.customer_class) from None
            found = await self._ask(customer, asked, self._gate.until(deadline))
        answer = _signed(found, exchange.request_id)
        content = answer.model_dump_json(exclude=None if asked.explain else _REASONS).encode()
        await exchange.reply(200, content)
        self._work.note(exchange, (customer,), (answer,))

    async def _ask(self, customer: Customer, asked: Wanted, until: float) -> ChurnPrediction:
        if asked.action:
            return (await self._work.in_thread(until, answers, self._scorer, [customer], asked))[0]
        return await self._together(customer, asked, until)


class PredictBatch:
    """Answers many customers at once; a bad row has its own error and spoils no other."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._scorer = work.scorer
        self._gate = work.gate
        self._settings = work.settings

    async def __call__(self, exchange: Exchange) -> None:
        asked = wanted(exchange.scope["query_string"], self._scorer.bundle)
        deadline = exchange.deadline()
        self._gate.check()
        body = await exchange.json_body(
            self._settings.max_batch_bytes, self._settings.body_seconds, self._gate
        )
        with self._gate:
            until = self._gate.until(deadline)
            customers, found, content = await self._work.in_thread(
                until, self._answer, body, asked, exchange.request_id
            )
        await exchange.reply(200, content)
        self._work.note(exchange, customers, found)

    def _answer(
        self, body: bytes, asked: Wanted, request_id: str
    ) -> tuple[list[Customer], list[ChurnPrediction], bytes]:
        rows = read_rows(body)
        most = self._settings.max_batch_rows
        if len(rows) > most:
            raise Refusal(413, f"A batch must not have more than {most} customers.")
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
