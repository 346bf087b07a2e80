"""Calls over a network that fails in all its ways: a right answer, or an error with a type, and in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from churn_client import ChurnClient, IbmTelcoCustomer, ServiceFailed, TimedOut
from tests.support.faults import FaultyServer, stall, status
from tests.support.lag import measured_lag
from tests.support.ordeal import Ordeal, in_tasks, in_threads, typical_server

# How many seconds late a call may be over; `benchmarks faults` asks for 0.1, on a quiet machine.
LATE = 0.5


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with typical_server() as server:
        yield server


@pytest.mark.parametrize("calls", [in_threads, in_tasks])
def test_whatever_happens(server: FaultyServer, calls: Callable[[FaultyServer, int, int], Ordeal]) -> None:
    ordeal = calls(server, 240, 1)
    assert ordeal.wrong == []
    assert ordeal.late < LATE
    assert ordeal.left == 0
    assert sum(ordeal.ends.values()) == 240
    assert ordeal.ends["right"] > 20
    assert {"TimedOut", "ConnectionFailed", "ProtocolBroken", "UnexpectedAnswer"} <= set(ordeal.ends)


def test_an_answer_may_stall_at_every_byte(server: FaultyServer, customer: IbmTelcoCustomer) -> None:
    def ask(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            client.predict(customer, explain=False)
        return time.monotonic() - started

    positions = iter(range(450))  # an answer has a few more
    server.plan = lambda: partial(stall, at=next(positions, 0))
    with (
        measured_lag() as lag,
        ChurnClient(server.url, timeout=0.05, retries=0) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        # Some more: on a busy machine a request may be given up before it arrives.
        assert max(threads.map(ask, range(500))) < 0.05 + LATE + lag()
    assert not list(positions)


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
