"""How much the service takes on, and whom it tells to come back."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import Problem
from churn_serve import Settings, create_app
from churn_serve.admission import Gate
from churn_serve.errors import Refusal
from churn_serve.service import Service
from churn_serve.together import Together
from churn_serve.wanted import Wanted
from tests.support.http import Caller


class Held:
    """A scorer that answers many customers only once it is let go."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.go = threading.Event()
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scorer, name)

    def predict_many(self, *customers: Any, **asked: Any) -> Any:
        self.calls += 1
        assert self.go.wait(20)
        return self.scorer.predict_many(*customers, **asked)


@contextmanager
def held(scorer: Scorer) -> Iterator[Held]:
    one = Held(scorer)
    try:
        yield one
    finally:
        one.go.set()


async def ask(service: Service, path: str, bodies: list[Any], **headers: str) -> list[httpx.Response]:
    """The answers to requests of the same moment."""
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await asyncio.gather(*(client.post(path, json=body, headers=headers) for body in bodies))


def busy(response: httpx.Response, status: int = 429) -> bool:
    problem = Problem.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    return response.status_code == problem.status == status


def test_more_than_the_service_takes_on_are_sent_away(scorer: Scorer, customer: dict[str, Any]) -> None:
    service = create_app(scorer, Settings(max_requests=3))
    answers = asyncio.run(ask(service, "/predict", [customer] * 10))
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert all(busy(answer) for answer in answers[3:])
    again = asyncio.run(ask(service, "/predict", [customer, {}, customer]))
    assert [answer.status_code for answer in again] == [200, 422, 200]


def test_health_is_never_sent_away(scorer: Scorer, customer: dict[str, Any]) -> None:
    with held(scorer) as slow:
        service = create_app(slow, Settings(max_batches=1))  # type: ignore[arg-type]
        call = Caller(service)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(call, "POST", "/predict/batch", json={"customers": [customer]})
            while not slow.calls:
                pass
            assert busy(call("POST", "/predict/batch", json={"customers": [customer]}))
            for path in ("/health/live", "/health/ready", "/metrics", "/model"):
                assert call("GET", path).status_code == 200
            slow.go.set()
            assert first.result().status_code == 200
    assert call("POST", "/predict/batch", json={"customers": [customer]}).status_code == 200


def test_a_body_is_not_read_where_there_is_no_room(scorer: Scorer) -> None:
    service = create_app(scorer, Settings(max_requests=1))
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": []}

    async def full() -> None:
        with service._gates["/predict"]:
            await service(scope, receive, send)

    asyncio.run(full())
    assert sent[0]["status"] == 429


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/predict?action=true"])
def test_what_has_waited_too_long_is_not_worked_on(
    scorer: Scorer, customer: dict[str, Any], path: str
) -> None:
    slow = Held(scorer)
    slow.go.set()
    call = Caller(create_app(slow, Settings(wait_seconds=1e-9)))  # type: ignore[arg-type]
    body = {"customers": [customer]} if path.endswith("batch") else customer
    assert busy(call("POST", path, json=body), 503)
    assert slow.calls == 0


def test_the_patient_are_answered_beside_the_hasty(scorer: Scorer, customer: dict[str, Any]) -> None:
    together = Together(scorer)
    one = scorer.customer_class.parse(customer)

    async def both() -> list[Any]:
        waiting = [together(one, Wanted(), until) for until in (0.0, math.inf, 0.0)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    hasty, patient, also_hasty = asyncio.run(both())
    assert (hasty.status, also_hasty.status) == (503, 503)
    assert patient == scorer.predict(customer)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("given", ["0.001", "1", "2.5", "3600", "1e3", "0030.000"])
def test_callers_may_say_how_long_they_wait(
    scorer: Scorer, customer: dict[str, Any], path: str, given: str
) -> None:
    body = customer if path == "/predict" else {"customers": [customer]}
    response = Caller(create_app(scorer))("POST", path, json=body, headers={"x-request-timeout": given})
    assert response.status_code == 200 or (given == "0.001" and busy(response, 503))


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    "given", ["", "0", "0.0009", "3600.1", "-1", "+1", "nan", "inf", "1e999", "1_0", "soon", "1 s", "\xb2"]
)
def test_a_strange_timeout_is_refused(call: Caller, customer: dict[str, Any], path: str, given: str) -> None:
    headers = {"x-request-timeout": given.encode("latin-1")}
    response = call("POST", path, json=customer, headers=headers)
    problem = Problem.model_validate_json(response.content)
    assert response.status_code == problem.status == 400
    assert [(e.field, e.allowed) for e in problem.errors] == [
        ("X-Request-Timeout", "seconds from 0.001 to 3600")
    ]


def test_bodies_that_arrive_slowly_share_their_memory(scorer: Scorer, customer: dict[str, Any]) -> None:
    service = create_app(scorer, Settings(max_arriving_bytes=1500))
    body = json.dumps(customer).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:-1]
        await asyncio.sleep(0.2)
        yield body[-1:]

    async def many(count: int) -> list[httpx.Response]:
        transport = httpx.ASGITransport(service)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await asyncio.gather(*(client.post("/predict", content=slowly()) for _ in range(count)))

    room = 1500 // len(body)
    for _ in range(2):  # what one round took is given back
        answers = asyncio.run(many(10))
        assert [answer.status_code for answer in answers] == [200] * room + [429] * (10 - room)
        assert busy(answers[room])
        assert answers[room].headers["connection"] == "close"


def test_a_gate_forgets_what_it_refused() -> None:
    gate = Gate(1, 10, 1.0)
    with gate:
        with pytest.raises(Refusal):
            gate.check()
        with pytest.raises(Refusal), gate:
            pass
    with gate:
        pass
