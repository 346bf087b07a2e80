"""What a service promises its callers; the real one and the double keep it alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from churn_client import (
    BadRequest,
    ChurnClient,
    ChurnPrediction,
    CustomerRefused,
    IbmTelcoCustomer,
    RequestTooLarge,
    RowError,
    TelcoVisionCustomer,
)
from churn_core.schemas import BatchAnswer, Problem
from churn_core.schemas.export import json_schema
from tests.contract.conftest import Ask

KEYS = {
    "customer_id",
    "churn_probability",
    "churn_prediction",
    "churn_risk",
    "threshold",
    "expected_profit",
    "reasons",
    "model",
    "request_id",
}


def test_an_answer_has_all_that_is_promised_and_no_more(ask: Ask, customer: dict[str, Any]) -> None:
    response = ask("/predict", customer, x_request_id="r 1")
    answer = json.loads(response.content)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert answer.keys() == KEYS
    assert response.headers["x-request-id"] == answer["request_id"] == "r 1"
    assert answer["reasons"][0].keys() == {"feature", "value", "effect", "text"}
    assert answer["model"].keys() == {"name", "version", "digest"}


@pytest.mark.parametrize("flag", ["false", "FALSE", "0"])
def test_what_is_not_asked_for_is_not_there(ask: Ask, customer: dict[str, Any], flag: str) -> None:
    answer = json.loads(ask(f"/predict?explain={flag}&interval={flag}&action={flag}", customer).content)
    assert answer.keys() == KEYS - {"reasons"}
    batch = json.loads(ask(f"/predict/batch?explain={flag}", {"customers": [customer]}).content)
    assert batch["predictions"][0].keys() == KEYS - {"reasons"}


@pytest.mark.parametrize("language", ["en", "es", "ES"])
def test_interval_and_action_are_there_when_asked_for(
    ask: Ask, customer: dict[str, Any], language: str
) -> None:
    answer = json.loads(ask(f"/predict?interval=1&action=1&language={language}", customer).content)
    assert answer.keys() == KEYS | {"interval", "action"}
    assert answer["interval"].keys() == {"low", "high", "coverage"}
    assert answer["action"].keys() == {
        "changes", "reaches_threshold", "churn_probability", "cost", "expected_profit", "text", "note",
    }  # fmt: skip


def test_a_batch_keeps_order_and_index(ask: Ask, customer: dict[str, Any]) -> None:
    rows = [customer, {}, {**customer, "customer_id": "C-2"}, 5, None, [customer], customer]
    response = ask("/predict/batch", {"customers": rows})
    batch = BatchAnswer.model_validate_json(response.content)
    found = [one.customer_id if one else None for one in batch.predictions]
    assert found == ["C-0001", None, "C-2", None, None, None, "C-0001"]
    assert [error.index for error in batch.errors] == [1, 3, 4, 5]
    assert {one.request_id for one in batch.predictions if one} == {batch.request_id}
    assert BatchAnswer.model_validate_json(ask("/predict/batch", {"customers": []}).content).predictions == ()


def test_keys_are_asked_for_where_it_matters(ask: Ask, customer: dict[str, Any]) -> None:
    for path in ("/health/live", "/health/ready"):
        assert ask(path, x_api_key="").status == 200
    for path, body in (("/predict", customer), ("/model", None), ("/schema", None), ("/nowhere", None)):
        for key in ("", "wrong"):
            refused = ask(path, body, x_api_key=key)
            assert refused.status == Problem.model_validate_json(refused.content).status == 401
            assert refused.headers["www-authenticate"] == 'ApiKey header="X-API-Key"'


@pytest.mark.parametrize("path", ["/model", "/schema", "/health/live", "/health/ready"])
def test_head_is_get_without_a_body(ask: Ask, path: str) -> None:
    response = ask(path, method="HEAD")
    assert (response.status, response.content) == (200, b"")


def test_model_and_schema_can_be_read(client: ChurnClient) -> None:
    model, schema = client.model(), client.schema()
    assert (schema.spec, schema.name) == (IbmTelcoCustomer.spec, model.schema_name)
    assert schema.fingerprint == model.schema_fingerprint
    assert schema.json_schema == json_schema(IbmTelcoCustomer)
    assert IbmTelcoCustomer.parse(schema.example)
    assert client.ready()


def test_the_client_raises_the_same_errors(client: ChurnClient, customer: dict[str, Any]) -> None:
    with pytest.raises(CustomerRefused) as refused:
        client.predict({**customer, "gender": "Jane"})
    assert [problem.field for problem in refused.value.problems] == ["gender"]
    with pytest.raises(CustomerRefused, match="is not a field of this schema"):
        client.predict(TelcoVisionCustomer.spec.example())
    with pytest.raises(BadRequest, match="The query parameter 'language' is not allowed"):
        client.predict(customer, language="de")  # type: ignore[arg-type]
    with pytest.raises(RequestTooLarge, match="must not be larger than 65536 bytes"):
        client.predict({**customer, "customer_id": "x" * 70_000})
    found = list(client.predict_many([customer, {}, customer], interval=True))
    assert [type(one) for one in found] == [ChurnPrediction, RowError, ChurnPrediction]


def test_a_batch_has_at_most_a_thousand_customers(ask: Ask, customer: dict[str, Any]) -> None:
    assert ask("/predict/batch?explain=0", {"customers": [customer] * 1000}).status == 200
    refused = Problem.model_validate_json(ask("/predict/batch", {"customers": [{}] * 1001}).content)
    assert (refused.status, refused.detail) == (413, "A batch must not have more than 1000 customers.")
