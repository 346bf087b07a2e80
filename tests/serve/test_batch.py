from __future__ import annotations

import json
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import BatchAnswer
from churn_serve import Settings, create_app
from tests.support.http import Caller


def test_answers_keep_order_and_equal_the_scorers(
    call: Caller, scorer: Scorer, customer: dict[str, Any]
) -> None:
    customers = [{**customer, "customer_id": f"C-{n}", "tenure_months": n + 1} for n in range(20)]
    response = call("POST", "/predict/batch", json={"customers": customers})
    batch = BatchAnswer.model_validate_json(response.content)
    assert response.status_code == 200
    assert batch.errors == ()
    assert batch.request_id == response.headers["x-request-id"]
    for answer, one in zip(batch.predictions, customers, strict=True):
        assert answer == scorer.predict(one).model_copy(update={"request_id": batch.request_id})


def test_bad_rows_spoil_no_other(call: Caller, customer: dict[str, Any]) -> None:
    rows = [
        customer,
        {**customer, "gender": 1},
        "text",
        None,
        customer,
        {},
        {**customer, "tenure_months": 1e99},
    ]
    batch = call("POST", "/predict/batch?explain=false", json={"customers": rows}).json()
    assert [prediction is not None for prediction in batch["predictions"]] == [
        True, False, False, False, True, False, False,
    ]  # fmt: skip
    assert [error["index"] for error in batch["errors"]] == [1, 2, 3, 5, 6]
    assert batch["errors"][0]["errors"][0]["field"] == "gender"
    assert all(error["errors"] for error in batch["errors"])
    assert "reasons" not in batch["predictions"][0]


def test_a_row_that_names_a_field_twice_has_an_error(call: Caller, customer: dict[str, Any]) -> None:
    one = json.dumps(customer)
    twice = one[:-1] + ', "gender": "Male"}'
    colon = json.dumps({**customer, "customer_id": "a:b"})
    batch = call("POST", "/predict/batch", content=f'{{"customers": [{one}, {twice}, {colon}]}}').json()
    assert [error["index"] for error in batch["errors"]] == [1]
    assert batch["errors"][0]["errors"][0]["message"] == "is given twice"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"\\ud800"', "is not valid Unicode text"),
        ("9" * 5000, "has the wrong type: a whole number"),
        ("[" * 30_000 + "]" * 30_000, "has the wrong type: a list"),
        ('{"a":' * 30_000 + "1" + "}" * 30_000, "has the wrong type: an object"),
        ('{"a": 1, "a": 2}', "has the wrong type: an object"),
    ],
)
def test_json_that_parsers_dislike_spoils_its_row_alone(
    call: Caller, customer: dict[str, Any], value: str, message: str
) -> None:
    one = json.dumps(customer)
    strange = json.dumps({**customer, "gender": "?"}).replace('"?"', value)
    batch = call("POST", "/predict/batch", content=f'{{"customers": [{one}, {strange}, {one}]}}').json()
    assert [prediction is not None for prediction in batch["predictions"]] == [True, False, True]
    (error,) = batch["errors"]
    assert error["index"] == 1
    assert [(e["field"], e["message"]) for e in error["errors"]] == [("gender", message)]


def test_names_that_cannot_be_sent_back(call: Caller, customer: dict[str, Any]) -> None:
    one = json.dumps(customer)
    unknown = one[:-1] + ', "\\ud800": 1}'
    twice = one[:-1] + ', "\\ud800": 1, "\\ud800": 1}'
    batch = call("POST", "/predict/batch", content=f'{{"customers": [{one}, {unknown}, {twice}]}}').json()
    assert [prediction is not None for prediction in batch["predictions"]] == [True, False, False]
    assert batch["errors"][1]["errors"][0] == {"field": "?", "message": "is given twice", "allowed": ""}
    problem = call("POST", "/predict/batch", content='{"\\ud800": []}').json()
    assert problem["errors"][0]["field"] == "?"


@pytest.mark.parametrize(
    "row",
    [
        '"\\ud800',
        '"\\ud800" 1',
        '["\\ud800"}',
        '["\\ud800",]',
        '{"\\ud800"}',
        '"\\ud800\n"',
        "[" * 30_000 + "]" * 29_999,
        "[" * 30_000 + "x" + "]" * 30_000,
        "9" * 5000 + "x",
        "0" + "9" * 5000,
    ],
)
def test_what_is_no_json_fails_the_body(call: Caller, customer: dict[str, Any], row: str) -> None:
    content = f'{{"customers": [{json.dumps(customer)}, {row}]}}'
    assert call("POST", "/predict/batch", content=content).status_code == 400
    bad_utf8 = content.encode().replace(b"C-7", b"C-\xff")
    assert call("POST", "/predict/batch", content=bad_utf8).status_code == 400


def test_no_customers_no_answers(call: Caller) -> None:
    batch = call("POST", "/predict/batch", json={"customers": []}).json()
    assert batch["predictions"] == batch["errors"] == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("{", 400, None),
        ('{"customers": [1}', 400, None),
        ("[]", 422, ""),
        ("{}", 422, "customers"),
        ('{"customers": {}}', 422, "customers"),
        ('{"customers": [], "explain": true}', 422, "explain"),
        ('{"customers": [], "customers": []}', 422, ""),
    ],
)
def test_a_wrong_envelope_is_refused(call: Caller, body: str, status: int, field: str | None) -> None:
    response = call("POST", "/predict/batch", content=body)
    assert response.status_code == status
    assert [error["field"] for error in response.json()["errors"]] == ([] if field is None else [field])


def test_a_batch_has_limits(scorer: Scorer, customer: dict[str, Any]) -> None:
    rows = Caller(create_app(scorer, Settings(max_batch_rows=2)))
    size = Caller(create_app(scorer, Settings(max_batch_bytes=1000)))
    assert rows("POST", "/predict/batch", json={"customers": [customer] * 2}).status_code == 200
    assert rows("POST", "/predict/batch", json={"customers": [customer] * 3}).status_code == 413
    assert size("POST", "/predict/batch", json={"customers": [customer] * 3}).status_code == 413
