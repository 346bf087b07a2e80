"""What the double adds to the real service: it is scripted, remembers, and wastes no time.

That it answers as the real one does is what `tests/contract` is about.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import suppress

import pytest

from churn_client import (
    AsyncChurnClient,
    ChurnClient,
    ChurnPrediction,
    ConfigError,
    ConnectionFailed,
    IbmTelcoCustomer,
    NotAuthorized,
    Request,
    RequestTooLarge,
    ServiceFailed,
    TelcoVisionCustomer,
    TimedOut,
    TooManyRequests,
    UnexpectedAnswer,
    predict_churn,
)
from churn_client.testing import FakeChurnService
from churn_core.schemas import Customer
from churn_serve import create_app
from tests.support.http import Caller


def test_it_answers_predict_churn_and_remembers(customer: IbmTelcoCustomer) -> None:
    with FakeChurnService(probability=0.9, threshold=0.4) as service:
        answer = predict_churn(customer)
        with FakeChurnService(probability=0.1) as inner:
            assert predict_churn(customer).churn_risk == "LOW"
        assert predict_churn(customer) != answer
    assert isinstance(answer, ChurnPrediction)
    assert (answer.churn_probability, answer.churn_prediction, answer.churn_risk) == (0.9, 1, "HIGH")
    assert answer.customer_id == "C-7"
    assert answer.request_id == service.requests[0].headers["x-request-id"]
    assert service.customers == [customer, customer]
    assert inner.customers == [customer]


@pytest.mark.parametrize("schema", [IbmTelcoCustomer, TelcoVisionCustomer])
@pytest.mark.parametrize("probability", [0.0, 0.05, 0.5, 0.97, 1.0])
def test_intervals_and_actions_are_plausible(schema: type[Customer], probability: float) -> None:
    service = FakeChurnService(schema, probability, threshold=0.3)
    one, client = schema.parse(schema.spec.example()), service.client()
    answer = client.predict(one, interval=True, action=True)
    assert answer == client.predict(one, interval=True, action=True).model_copy(
        update={"request_id": answer.request_id}
    )
    interval, action = answer.interval, answer.action
    assert interval
    assert action
    assert 0 <= interval.low <= probability <= interval.high <= 1
    assert action.churn_probability <= probability
    assert action.reaches_threshold is (action.churn_probability < 0.3)
    assert len(action.changes) == (probability >= 0.3)
    for change in action.changes:
        assert change.value == one.model_dump()[change.feature] != change.becomes
        assert schema.parse({**one.model_dump(), change.feature: change.becomes})
    (row,) = client.predict_many([one], interval=True)
    assert isinstance(row, ChurnPrediction)
    assert (row.interval, row.action) == (interval, None)


def test_any_schema_can_be_served() -> None:
    one = TelcoVisionCustomer.parse(TelcoVisionCustomer.spec.example())
    service = FakeChurnService(TelcoVisionCustomer, probability=lambda c: c.age / 100)
    assert service.client().predict(one).churn_probability == 0.42
    assert service.client().schema().spec == TelcoVisionCustomer.spec


def test_it_asks_for_its_key(customer: IbmTelcoCustomer, environment: pytest.MonkeyPatch) -> None:
    service = FakeChurnService(api_key="right")
    assert service.client().predict(customer)
    service_without = FakeChurnService(api_key="right")
    client = service_without.client()
    stranger = type(client)("http://x", "wrong", transport=client._transport)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(NotAuthorized):
        stranger.predict(customer)
    assert stranger.ready()


def test_failures_come_when_asked_for(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    once = service.client(retries=0)
    service.fail(500)
    with pytest.raises(ServiceFailed):
        once.predict(customer)
    service.fail(429, retry_after=0.01)
    with pytest.raises(TooManyRequests):
        once.predict(customer)
    service.fail(0)
    with pytest.raises(ConnectionFailed):
        once.predict(customer)
    service.fail(0, 503)
    assert service.client().predict(customer)
    service.fail(503)
    assert not once.ready()
    assert once.ready()


def test_nobody_waits_for_pauses_and_delays(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    begin = time.monotonic()
    service.fail(503, 429, retry_after=7)
    service.delay(2, 3)
    assert service.client(deadline=60).predict(customer)
    assert 2 + 7 + 3 + 7 <= service.seconds < 21
    service.delay(11)
    with pytest.raises(TimedOut, match="did not answer within 10 s"):
        service.client(retries=0).predict(customer)
    service.reachable = False
    before = service.seconds
    with pytest.raises(ConnectionFailed) as caught:
        asyncio.run(service.async_client(deadline=1000).predict(customer))
    assert caught.value.attempts == 4
    assert caught.value.elapsed == pytest.approx(service.seconds - before) != 0
    assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize("seconds", [0.5, 1_234_567])
def test_any_retry_after_is_understood(customer: IbmTelcoCustomer, seconds: float) -> None:
    service = FakeChurnService()
    service.fail(503, retry_after=seconds)
    with suppress(ServiceFailed):
        service.client().predict(customer)
    assert len(service.requests) == (2 if seconds < 30 else 1)
    assert service.seconds >= (seconds if seconds < 30 else 0)


def test_retry_after_beyond_the_deadline_is_given_up(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    service.fail(503, retry_after=31)
    with pytest.raises(ServiceFailed) as caught:
        service.client(deadline=30).predict(customer)
    assert (caught.value.attempts, service.seconds) == (1, 0.0)


def test_it_can_talk_nonsense(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    service.say(b"<html>", b"{}")
    for _ in range(2):
        with pytest.raises(UnexpectedAnswer):
            service.client().predict(customer)
    assert service.client().predict(customer)


def test_without_a_model_it_is_not_ready(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    service.ready = False
    empty = Caller(create_app())
    for path in ("/model", "/health/ready", "/health/live"):
        real = empty("GET", path, headers={"x-request-id": "r"})
        fake = service.handle(Request("GET", path, headers={"x-request-id": "r"}))
        assert (fake.status, json.loads(fake.content)) == (real.status_code, real.json())
        assert fake.headers.get("retry-after") == real.headers.get("retry-after")
    assert not service.client().ready()
    with pytest.raises(ServiceFailed, match="No model is loaded yet"):
        service.client(retries=0).predict(customer)
    service.ready = True
    assert service.client().predict(customer)


def test_all_clients_made_meanwhile_are_answered(
    customer: IbmTelcoCustomer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("CHURN_API_KEY", "mine")
    with FakeChurnService() as service:
        clients = ChurnClient(), ChurnClient("https://elsewhere.example.com", "theirs")
        for client in clients:
            assert client.predict(customer).model.name == "fake"
        assert asyncio.run(AsyncChurnClient().predict(customer))
    urls = [(request.url, request.headers.get("x-api-key")) for request in service.requests]
    own = ("http://fake-churn-service", None)
    assert urls == [own, ("https://elsewhere.example.com", "theirs"), own]
    assert os.environ["CHURN_API_KEY"] == "mine"
    with pytest.raises(ConfigError):
        ChurnClient()


def test_many_at_once_are_all_remembered(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService(probability=lambda one: one.tenure_months / 100, max_batch_rows=10)
    rows = [customer.model_copy(update={"tenure_months": number % 70}) for number in range(500)]
    answers = list(service.client(batch_size=10, concurrency=8).predict_many(rows))
    found = [one.churn_probability for one in answers if isinstance(one, ChurnPrediction)]
    assert found == [row.tenure_months / 100 for row in rows]
    assert (len(service.requests), len(service.customers)) == (50, 500)
    with pytest.raises(RequestTooLarge, match="more than 10 customers"):
        list(service.client(batch_size=11).predict_many(rows))


def test_reasons_are_of_the_customer_and_in_the_language(customer: IbmTelcoCustomer) -> None:
    client = FakeChurnService(probability=0.9).client()
    english, spanish = client.predict(customer), client.predict(customer, language="es")
    values = customer.model_dump()
    for answer in (english, spanish):
        assert [reason.value for reason in answer.reasons] == [values[r.feature] for r in answer.reasons]
        assert [reason.effect for reason in answer.reasons] == sorted(
            (reason.effect for reason in answer.reasons), reverse=True
        )
    assert english.reasons[0].text != spanish.reasons[0].text
    assert not client.predict(customer, explain=False).reasons
