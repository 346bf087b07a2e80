"""The double answers as the real service does."""

from __future__ import annotations

from typing import Any

import pytest

from churn_client import (
    ChurnPrediction,
    ConnectionFailed,
    CustomerRefused,
    IbmTelcoCustomer,
    NotAuthorized,
    RowError,
    ServiceFailed,
    TelcoVisionCustomer,
    TooManyRequests,
    predict_churn,
)
from churn_client.testing import FakeChurnService
from churn_core.schemas import Customer
from tests.client.conftest import Connect

BAD: list[dict[str, Any]] = [
    {"gender": "X"},
    {"tenure_months": -1},
    {"tenure_months": 1.5},
    {"senior_citizen": 1},
    {"extra": 1},
    {"customer_id": ""},
    {"phone_service": False},
    {"gender": None, "contract": "Weekly"},
]


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_it_refuses_in_the_words_of_the_real_one(
    connect: Connect, customer: IbmTelcoCustomer, changes: dict[str, Any]
) -> None:
    bad = {**customer.model_dump(), **changes}
    refusals: list[CustomerRefused] = []
    rows: list[object] = []
    for client in (connect(), FakeChurnService().client()):
        with pytest.raises(CustomerRefused) as caught:
            client.predict(bad)
        refusals.append(caught.value)
        (row,) = client.predict_many([bad])
        assert isinstance(row, RowError)
        rows.append(row.problems)
    real, fake = refusals
    assert (fake.status, fake.detail, fake.problems) == (real.status, real.detail, real.problems)
    assert rows[0] == rows[1]


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
