"""Attempts, waits and deadlines, with time as plain data."""

from __future__ import annotations

from typing import Any

import pytest

from churn_client import ConnectionFailed, IbmTelcoCustomer, NotAuthorized, ServiceFailed, TooManyRequests
from churn_client._config import make_config
from churn_client._core import Core, Wanted
from churn_client._exchange import Caller, Outcome, Wait
from churn_client._messages import Response
from churn_client.testing import FakeChurnService

DOWN = ConnectionFailed("down")


class _World:
    """Runs an operation against prepared outcomes; each attempt and each wait takes its time."""

    def __init__(self, seconds_each: float = 0.0, **options: Any) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.timeouts: list[float] = []
        self.ids: set[str] = set()
        self._each = seconds_each
        config = make_config("http://service", None, **options)
        self.core = Core(config, Caller(config, clock=lambda: self.now, draw=lambda: 1.0))

    def predict(self, customer: IbmTelcoCustomer, *outcomes: Outcome) -> object:
        operation = self.core.predict(customer, Wanted(explain=False))
        left = iter(outcomes)
        outcome: Outcome = None
        try:
            while True:
                step = operation.send(outcome)
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.now += step.seconds
                    outcome = None
                else:
                    self.timeouts.append(step.timeout)
                    self.ids.add(step.headers["x-request-id"])
                    self.now += self._each
                    outcome = next(left)
        except StopIteration as done:
            return done.value


@pytest.fixture
def good(customer: IbmTelcoCustomer) -> Response:
    service = FakeChurnService()
    service.client().predict(customer)
    return service.handle(service.requests[0])


def _busy(status: int, **headers: str) -> Response:
    return Response(status, b"", headers)


@pytest.mark.parametrize("failure", [DOWN, _busy(429), _busy(502), _busy(503), _busy(504)])
def test_what_may_pass_is_tried_again(customer: IbmTelcoCustomer, good: Response, failure: Outcome) -> None:
    world = _World()
    assert world.predict(customer, failure, failure, good)
    assert world.waits == [0.2, 0.4]
    assert len(world.ids) == 1


@pytest.mark.parametrize(("status", "error"), [(401, NotAuthorized), (500, ServiceFailed)])
def test_what_stays_is_not_tried_again(
    customer: IbmTelcoCustomer, status: int, error: type[Exception]
) -> None:
    world = _World()
    with pytest.raises(error):
        world.predict(customer, _busy(status))
    assert world.waits == []


def test_attempts_are_limited(customer: IbmTelcoCustomer) -> None:
    world = _World(retries=2)
    with pytest.raises(ConnectionFailed, match="down"):
        world.predict(customer, DOWN, DOWN, DOWN)
    assert len(world.timeouts) == 3
    world = _World(retries=0)
    with pytest.raises(ServiceFailed):
        world.predict(customer, _busy(503))
    assert world.waits == []


def test_the_service_says_how_long_to_wait(customer: IbmTelcoCustomer, good: Response) -> None:
    world = _World()
    assert world.predict(customer, _busy(429, **{"retry-after": "7"}), good)
    assert world.waits == [7.2]


def test_nobody_waits_beyond_the_deadline(customer: IbmTelcoCustomer) -> None:
    world = _World(deadline=5)
    with pytest.raises(TooManyRequests):
        world.predict(customer, _busy(429, **{"retry-after": "5"}))
    assert world.waits == []


def test_an_attempt_has_no_more_time_than_the_call(customer: IbmTelcoCustomer) -> None:
    world = _World(seconds_each=4.0, timeout=4, deadline=10, retries=9)
    with pytest.raises(ConnectionFailed):
        world.predict(customer, *[DOWN] * 9)
    assert world.timeouts[:2] == [4, 4]
    assert world.timeouts[2] == pytest.approx(10 - 8 - 0.6)
    assert len(world.timeouts) == 3
