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
    assert batch["predictions"][0]["reasons"] == []


def test_a_row_that_names_a_field_twice_has_an_error(call: Caller, customer: dict[str, Any]) -> None:
    one = json.dumps(customer)
    twice = one[:-1] + ', "gender": "Male"}'
    colon = json.dumps({**customer, "customer_id": "a:b"})
    batch = call("POST", "/predict/batch", content=f'{{"customers": [{one}, {twice}, {colon}]}}').json()
    assert [error["index"] for error in batch["errors"]] == [1]
    assert batch["errors"][0]["errors"][0]["message"] == "is given twice"


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
