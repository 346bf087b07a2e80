"""Many calls over a network that fails in all its ways, and what came of each."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from churn_client import AsyncChurnClient, CallFailed, ChurnClient, ChurnPrediction, IbmTelcoCustomer, Options
from churn_client.testing import FakeChurnService
from tests.support.faults import FaultyServer, faults, faulty, raw
from tests.support.lag import measured_lag

__all__ = ["HASTY", "Ordeal", "in_tasks", "in_threads", "typical_server"]

HASTY: Options = {"timeout": 0.2, "deadline": 0.6}
_DEADLINE = 0.6
_Noted = tuple[IbmTelcoCustomer, ChurnPrediction | CallFailed, float, float]


@dataclass
class Ordeal:
    """What came of all calls.

    Attributes:
        ends: How often which error came, or "right".
        wrong: Answers that are not about the customer, and errors that say too much or too little.
        late: Seconds after its deadline at which the slowest call was over, less the lag of this machine.
        left: Connections and tasks that are open after the client was closed.
    """

    ends: Counter[str] = field(default_factory=Counter[str])
    wrong: list[object] = field(default_factory=list[object])
    late: float = 0.0
    left: int = 0

    def note(
        self, customer: IbmTelcoCustomer, answer: ChurnPrediction | CallFailed, seconds: float, lag: float
    ) -> None:
        self.late = max(self.late, seconds - _DEADLINE - lag)
        if isinstance(answer, ChurnPrediction):
            known = (customer.customer_id, _probability(customer))
            is_right = (answer.customer_id, answer.churn_probability) == known
            self.ends["right"] += is_right
        else:
            is_right = _tells_enough(answer, seconds)
            self.ends[type(answer).__name__] += 1
        if not is_right:
            self.wrong.append(answer)


def _probability(customer: IbmTelcoCustomer) -> float:
    """One that tells customers apart."""
    return random.Random(customer.customer_id).random()


def _tells_enough(error: CallFailed, seconds: float) -> bool:
    alone = error.__cause__ is None and error.__context__ is None
    told = bool(error.request_id) and 1 <= error.attempts <= 4 and 0 < error.elapsed <= seconds
    return alone and told and "Jane" not in str(error)


@contextmanager
def typical_server() -> Iterator[FaultyServer]:
    """A server whose answers to `in_threads` and `in_tasks` are right until its plan spoils them."""
    with faulty(FakeChurnService(probability=_probability).handle) as server:
        yield server


def _customers(calls: int) -> Iterator[IbmTelcoCustomer]:
    one = IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example())
    return (one.model_copy(update={"customer_id": f"C-{number:06}"}) for number in range(calls))


def _spoil(server: FaultyServer, seed: int) -> None:
    service = FakeChurnService(probability=_probability)
    service.client().predict(next(_customers(1)), explain=False)
    length = len(raw(service.handle(service.requests[0])))
    server.plan = partial(faults, random.Random(seed), length, seconds=1.0)


def in_threads(server: FaultyServer, calls: int, seed: int, at_once: int = 8) -> Ordeal:
    """Calls of one client that is shared by threads."""
    ordeal = Ordeal()

    def ask(customer: IbmTelcoCustomer) -> _Noted:
        started = time.monotonic()
        try:
            answer = client.predict(customer, explain=False)
        except CallFailed as error:
            answer = error
        return customer, answer, time.monotonic() - started, lag()

    _spoil(server, seed)
    with (
        measured_lag() as lag,
        ChurnClient(server.url, **HASTY) as client,
        ThreadPoolExecutor(at_once) as threads,
    ):
        for noted in threads.map(ask, _customers(calls)):
            ordeal.note(*noted)
    ordeal.left = _open(server)
    return ordeal


def in_tasks(server: FaultyServer, calls: int, seed: int, at_once: int = 12) -> Ordeal:
    """Calls of one client in tasks of one loop."""
    ordeal = Ordeal()

    async def ask(
        client: AsyncChurnClient, customers: Iterator[IbmTelcoCustomer], lag: Callable[[], float]
    ) -> None:
        for customer in customers:
            started = time.monotonic()
            try:
                answer = await client.predict(customer, explain=False)
            except CallFailed as error:
                answer = error
            ordeal.note(customer, answer, time.monotonic() - started, lag())

    async def run(lag: Callable[[], float]) -> int:
        customers = _customers(calls)
        async with AsyncChurnClient(server.url, **HASTY) as client:
            await asyncio.gather(*(ask(client, customers, lag) for _ in range(at_once)))
        return len(asyncio.all_tasks()) - 1

    _spoil(server, seed)
    with measured_lag() as lag:
        tasks = asyncio.run(run(lag))
    ordeal.left = tasks + _open(server)
    return ordeal


def _open(server: FaultyServer) -> int:
    """Connections that the client has not closed; the server may take a moment to see it."""
    ends = time.monotonic() + 5
    while server.open and time.monotonic() < ends:
        time.sleep(0.01)
    return server.open
