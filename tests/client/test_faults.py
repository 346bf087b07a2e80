"""Calls over a network that fails in all its ways: a right answer, or an error with a type, and in time."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from churn_client import (
    AsyncChurnClient,
    CallFailed,
    ChurnClient,
    ChurnPrediction,
    IbmTelcoCustomer,
    Options,
    ServiceFailed,
    TimedOut,
)
from churn_client.testing import FakeChurnService
from tests.support.faults import Fault, FaultyServer, faults, faulty, raw, stall, status
from tests.support.lag import measured_lag

LATE = 0.1  # seconds after its deadline at which a call has to be over
HASTY: Options = {"timeout": 0.2, "deadline": 0.6}


def probability(customer: IbmTelcoCustomer) -> float:
    """One that tells customers apart."""
    return random.Random(customer.customer_id).random()


@pytest.fixture
def service() -> FakeChurnService:
    return FakeChurnService(probability=probability)


@pytest.fixture
def server(service: FakeChurnService) -> Iterator[FaultyServer]:
    with faulty(service.handle) as server:
        yield server


@pytest.fixture
def length(service: FakeChurnService, customer: IbmTelcoCustomer) -> int:
    """Bytes of an answer."""
    service.client().predict(customer, explain=False)
    return len(raw(service.handle(service.requests[0])))


def _customers(customer: IbmTelcoCustomer, count: int) -> list[IbmTelcoCustomer]:
    return [customer.model_copy(update={"customer_id": f"C-{number:04}"}) for number in range(count)]


def _checked(
    customer: IbmTelcoCustomer, answer: ChurnPrediction | CallFailed, seconds: float, lag: float
) -> str:
    """What a call came to; anything else than a right answer or a typed error in time is a failure."""
    assert seconds < HASTY.get("deadline", 0) + LATE + lag, answer
    if isinstance(answer, ChurnPrediction):
        assert (answer.customer_id, answer.churn_probability) == (customer.customer_id, probability(customer))
        return "right"
    assert (answer.__cause__, answer.__context__) == (None, None)
    assert answer.request_id
    assert 1 <= answer.attempts <= 4
    assert answer.elapsed <= seconds
    assert "Jane" not in str(answer)
    return type(answer).__name__


def _by_chance(length: int, seed: int) -> Callable[[], Fault]:
    return partial(faults, random.Random(seed), length, seconds=1.0)


def _all_gone(server: FaultyServer) -> bool:
    """Whether the client has closed all its connections; the server may take a moment to see it."""
    ends = time.monotonic() + 5
    while server.open and time.monotonic() < ends:
        time.sleep(0.01)
    return server.open == 0


def test_whatever_happens_to_calls_in_threads(
    server: FaultyServer, customer: IbmTelcoCustomer, length: int
) -> None:
    def ask(one: IbmTelcoCustomer) -> str:
        started = time.monotonic()
        try:
            answer = client.predict(one, explain=False)
        except CallFailed as error:
            answer = error
        return _checked(one, answer, time.monotonic() - started, lag())

    server.plan = _by_chance(length, seed=1)
    with (
        measured_lag() as lag,
        ChurnClient(server.url, **HASTY) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        ends = Counter(threads.map(ask, _customers(customer, 240)))
    assert _all_gone(server)
    assert ends["right"] > 20
    assert {"TimedOut", "ConnectionFailed", "ProtocolBroken", "UnexpectedAnswer"} <= set(ends)


def test_whatever_happens_to_calls_in_tasks(
    server: FaultyServer, customer: IbmTelcoCustomer, length: int
) -> None:
    async def ask(client: AsyncChurnClient, one: IbmTelcoCustomer) -> str:
        started = time.monotonic()
        try:
            answer = await client.predict(one, explain=False)
        except CallFailed as error:
            answer = error
        return _checked(one, answer, time.monotonic() - started, lag())

    async def run() -> Counter[str]:
        ends = Counter[str]()
        async with AsyncChurnClient(server.url, **HASTY) as client:
            customers = _customers(customer, 240)
            for start in range(0, len(customers), 12):
                group = [ask(client, one) for one in customers[start : start + 12]]
                ends.update(await asyncio.gather(*group))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return ends

    server.plan = _by_chance(length, seed=2)
    with measured_lag() as lag:
        ends = asyncio.run(run())
    assert _all_gone(server)
    assert ends["right"] > 20
    assert {"TimedOut", "ConnectionFailed", "ProtocolBroken", "UnexpectedAnswer"} <= set(ends)


def test_an_answer_may_stall_at_every_byte(
    server: FaultyServer, customer: IbmTelcoCustomer, length: int
) -> None:
    def ask(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            client.predict(customer, explain=False)
        return time.monotonic() - started

    positions = iter(range(length))
    server.plan = lambda: partial(stall, at=next(positions))
    with (
        measured_lag() as lag,
        ChurnClient(server.url, timeout=0.05, retries=0) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        assert max(threads.map(ask, range(length))) < 0.05 + LATE + lag()
    assert next(positions, None) is None
    assert _all_gone(server)


def test_an_outage_is_not_made_worse(server: FaultyServer, customer: IbmTelcoCustomer) -> None:
    def ask(_: int) -> None:
        with pytest.raises(ServiceFailed):
            client.predict(customer)

    server.plan = lambda: status(503)
    with ChurnClient(server.url) as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(100)))
        assert len(server.requests) <= 120
        server.plan = lambda: None
        assert client.predict(customer)


def test_all_attempts_of_a_call_say_that_they_are_one(
    server: FaultyServer, customer: IbmTelcoCustomer
) -> None:
    plan = iter([status(503), partial(stall, at=0), None])
    server.plan = lambda: next(plan)
    with ChurnClient(server.url, timeout=0.5, deadline=9) as client:
        assert client.predict(customer)
    headers = [request.headers for request in server.requests]
    assert [one["x-request-attempt"] for one in headers] == ["1", "2", "3"]
    assert [one["x-request-timeout"] for one in headers] == ["0.500"] * 3
    assert len({one["idempotency-key"] for one in headers}) == 1
    assert len({one["x-request-id"] for one in headers}) == 1
