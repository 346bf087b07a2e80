"""What all calls of a client share: the retry budget and the circuit breaker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_client import CircuitOpen, IbmTelcoCustomer, ServiceFailed
from churn_client._guards import CircuitBreaker, RetryBudget
from churn_client.testing import FakeChurnService


@given(st.lists(st.sampled_from(["call", "retry"]), max_size=400))
def test_retries_never_exceed_a_tenth_of_successes_and_the_reserve(events: list[str]) -> None:
    budget, retries, successes = RetryBudget(), 0, 0
    for event in events:
        if event == "call":
            budget.succeeded()
            successes += 1
        else:
            retries += budget.take()
        assert 0 <= budget.tokens <= RetryBudget.FULL
    assert retries <= RetryBudget.FULL + successes * RetryBudget.BACK + 1e-9


def test_an_empty_budget_fills_with_successes() -> None:
    budget = RetryBudget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(11):
        budget.succeeded()
    assert [budget.take(), budget.take()] == [True, False]


class _Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_tries_one_and_closes() -> None:
    time = _Time()
    breaker = CircuitBreaker(2, 10.0, time)
    assert [breaker.note(failed=failed) for failed in (True, False, True)] == [False] * 3
    assert breaker.wait() == 0
    assert breaker.note(failed=True)
    time.now += 4
    assert breaker.wait() == 6
    time.now += 6
    assert [breaker.wait(), breaker.wait()] == [0, 10]  # one may try; the others wait
    assert breaker.note(failed=True)
    time.now += 10
    assert breaker.wait() == 0
    assert not breaker.note(failed=False)
    assert [breaker.wait(), breaker.wait()] == [0, 0]


def test_without_a_limit_it_never_opens() -> None:
    breaker = CircuitBreaker(0, 10.0, _Time())
    assert not any(breaker.note(failed=True) for _ in range(100))
    assert breaker.wait() == 0


def test_a_client_with_a_breaker_spares_the_service(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    client = service.client(circuit_failures=2, circuit_seconds=0.05, retries=0)
    service.fail(500, 503)
    for _ in range(2):
        with pytest.raises(ServiceFailed):
            client.predict(customer)
    with pytest.raises(CircuitOpen, match="too many calls failed: the next is tried in 0") as caught:
        client.predict(customer)
    assert caught.value.attempts == 0
    assert not client.ready()
    assert len(service.requests) == 2


def test_without_one_it_goes_on_asking(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    client = service.client(retries=0)
    service.fail(*[500] * 50)
    for _ in range(50):
        with pytest.raises(ServiceFailed):
            client.predict(customer)
    assert client.predict(customer)
