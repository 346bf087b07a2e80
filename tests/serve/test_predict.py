from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import ChurnPrediction, Problem
from churn_serve import Settings, create_app
from tests.support.http import Caller


def test_an_answer_is_the_scorers(call: Caller, scorer: Scorer, customer: dict[str, Any]) -> None:
    response = call("POST", "/predict", json=customer)
    answer = ChurnPrediction.model_validate_json(response.content)
    expected = scorer.predict(customer)
    assert response.status_code == 200
    assert answer == expected.model_copy(update={"request_id": response.headers["x-request-id"]})
    assert answer.reasons
    assert list(response.json()) == [
        "customer_id",
        "churn_probability",
        "churn_prediction",
        "churn_risk",
        "threshold",
        "expected_profit",
        "reasons",
        "model",
        "request_id",
    ]


@pytest.mark.parametrize(("query", "explained"), [("", True), ("?explain=TRUE", True), ("?explain=0", False)])
def test_explain_decides_about_reasons(
    call: Caller, customer: dict[str, Any], query: str, explained: bool
) -> None:
    answer = call("POST", "/predict" + query, json=customer).json()
    assert bool(answer.get("reasons")) is ("reasons" in answer) is explained


def test_a_strange_explain_is_refused(call: Caller, customer: dict[str, Any]) -> None:
    problem = call("POST", "/predict?explain=perhaps", json=customer).json()
    assert problem["status"] == 400
    assert problem["errors"] == [
        {"field": "explain", "message": "is not allowed", "allowed": "true or false"}
    ]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("explain=true&explain=false", "explain", "is given twice"),
        ("explain=true&explain=true", "explain", "is given twice"),
        ("explain", "explain", "is not allowed"),
        ("Explain=true", "Explain", "is not a parameter of this route"),
        ("explain=true&limit=3", "limit", "is not a parameter of this route"),
        ("%ff%00=3", "\ufffd\x00", "is not a parameter of this route"),
    ],
)
def test_parameters_that_would_be_ignored_are_refused(
    call: Caller, customer: dict[str, Any], path: str, query: str, field: str, message: str
) -> None:
    content = customer if path == "/predict" else {"customers": [customer]}
    problem = call("POST", f"{path}?{query}", json=content).json()
    assert problem["status"] == 400
    assert [(error["field"], error["message"]) for error in problem["errors"]] == [(field, message)]


def test_every_problem_of_a_customer_is_named(call: Caller, customer: dict[str, Any]) -> None:
    bad = {**customer, "contract": "Weekly", "tenure_months": -1, "shoe_size": 42}
    del bad["gender"]
    response = call("POST", "/predict", json=bad)
    problem = Problem.model_validate_json(response.content)
    assert response.status_code == problem.status == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem.request_id == response.headers["x-request-id"]
    assert {error.field: error.message for error in problem.errors} == {
        "gender": "is missing",
        "contract": "is not in the vocabulary",
        "tenure_months": "is out of range",
        "shoe_size": "is not a field of this schema",
    }
    allowed = {error.field: error.allowed for error in problem.errors}
    assert allowed["gender"] == "one of 'Female', 'Male'"
    assert "Weekly" not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"customer=1", b"\xff\xfe", b'{"a": 1}}'])
def test_what_is_not_json_is_a_bad_request(call: Caller, body: bytes) -> None:
    response = call("POST", "/predict", content=body)
    assert response.status_code == response.json()["status"] == 400
    assert response.json()["detail"].startswith("The body cannot be read: the customer is not valid JSON")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gender", '"\\ud800"', "is not valid Unicode text"),
        ("customer_id", '"\\ud800"', "is not valid Unicode text"),
        ("tenure_months", "9" * 5000, "is out of range"),
        ("monthly_charges", "-" + "9" * 5000, "is out of range"),
        ("gender", "[" * 10_000 + "]" * 10_000, "has the wrong type: a list"),
    ],
)
def test_json_that_parsers_dislike_is_json(
    call: Caller, customer: dict[str, Any], field: str, value: str, message: str
) -> None:
    content = json.dumps({**customer, field: "?"}).replace('"?"', value)
    problem = call("POST", "/predict", content=content).json()
    assert problem["status"] == 422
    assert [(e["field"], e["message"]) for e in problem["errors"]] == [(field, message)]


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"text"'])
def test_json_that_is_no_object_is_unprocessable(call: Caller, body: bytes) -> None:
    problem = call("POST", "/predict", content=body).json()
    assert problem["status"] == 422
    assert problem["errors"][0]["allowed"] == "one flat JSON object"


def test_a_field_given_twice_is_refused(call: Caller, customer: dict[str, Any]) -> None:
    body = json.dumps(customer)[:-1] + ', "gender": "Male"}'
    problem = call("POST", "/predict", content=body).json()
    assert problem["errors"] == [{"field": "gender", "message": "is given twice", "allowed": ""}]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('application/json; profile=x; charset="UTF-8"', 200),
        ("application/vnd.acme+json", 200),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=utf-8; charset=utf-16", 415),
        ("application/json;charset=", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
    ],
)
def test_only_json_is_read(call: Caller, customer: dict[str, Any], kind: str, status: int) -> None:
    response = call("POST", "/predict", content=json.dumps(customer), headers={"content-type": kind})
    assert response.status_code == status
    if status == 415:
        assert response.headers["accept"] == "application/json"


def test_a_compressed_body_is_refused(call: Caller, customer: dict[str, Any]) -> None:
    response = call("POST", "/predict", json=customer, headers={"content-encoding": "gzip"})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"


def test_a_body_has_a_limit(scorer: Scorer, customer: dict[str, Any]) -> None:
    body = json.dumps(customer).encode()
    exact = Caller(create_app(scorer, Settings(max_body_bytes=len(body))))
    tight = Caller(create_app(scorer, Settings(max_body_bytes=len(body) - 1)))

    async def chunks() -> Any:
        for byte in range(0, len(body), 100):
            yield body[byte : byte + 100]

    assert exact("POST", "/predict", content=body).status_code == 200
    assert exact("POST", "/predict", content=chunks()).status_code == 200
    for content in (body, chunks()):
        response = tight("POST", "/predict", content=content)
        assert response.status_code == 413
        assert str(len(body) - 1) in response.json()["detail"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("begin", [b"", b"{"])
def test_a_body_that_does_not_end_is_given_up(scorer: Scorer, path: str, begin: bytes) -> None:
    call = Caller(create_app(scorer, Settings(body_seconds=0.05)))

    async def stalled() -> Any:
        if begin:
            yield begin
        await asyncio.sleep(60)
        yield b"}"

    response = call("POST", path, content=stalled())
    assert response.status_code == response.json()["status"] == 408
    assert response.json()["detail"] == "The body was not complete after 0.05 seconds."
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("given", ["abc-1", "x" * 128, "with blank"])
def test_a_request_id_is_echoed(call: Caller, customer: dict[str, Any], given: str) -> None:
    response = call("POST", "/predict", json=customer, headers={"x-request-id": given})
    assert response.headers["x-request-id"] == response.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "tab\there", "gr\u00fcezi"])
def test_a_strange_request_id_is_replaced(call: Caller, customer: dict[str, Any], given: str) -> None:
    response = call("POST", "/predict", json=customer, headers={"x-request-id": given.encode("latin-1")})
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert len(response.headers["x-request-id"]) == 32


def test_request_ids_differ(call: Caller, customer: dict[str, Any]) -> None:
    ids = {call("POST", "/predict", json=customer).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
