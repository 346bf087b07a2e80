"""What callers can ask for besides the decision."""

from __future__ import annotations

from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.bundle.band import ProbabilityBand
from churn_core.schemas import Problem
from churn_serve import create_app
from tests.support.bundles import logistic_bundle
from tests.support.http import Caller

BAND = ProbabilityBand(
    coverage=0.9, neighbours=50, probabilities=(0.0, 0.5, 1.0), low=(0.0, 0.4, 0.9), high=(0.1, 0.6, 1.0)
)
PATHS = ["/predict", "/predict/batch"]


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A scorer that knows how sure it is."""
    return Scorer(logistic_bundle(tmp_path_factory.mktemp("sure"), band=BAND))


def ask(call: Caller, path: str, query: str, customer: dict[str, Any]) -> dict[str, Any]:
    """The answer about one customer, from either route."""
    if path == "/predict":
        return call("POST", f"{path}?{query}", json=customer).json()
    batch = call("POST", f"{path}?{query}", json={"customers": [customer, {}, customer]}).json()
    first, none, last = batch["predictions"]
    assert first == last
    assert none is None
    return first


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("explain", [True, False])
@pytest.mark.parametrize("interval", [True, False])
@pytest.mark.parametrize("action", [True, False])
def test_an_answer_holds_what_was_asked_for(
    sure: Scorer, customer: dict[str, Any], path: str, explain: bool, interval: bool, action: bool
) -> None:
    query = f"explain={explain}&interval={interval}&action={action}&language=ES"
    answer = ask(Caller(create_app(sure)), path, query, customer)
    expected = sure.predict(customer, explain=explain, interval=interval, language="es", action=action)
    assert ("reasons" in answer, "interval" in answer, "action" in answer) == (explain, interval, action)
    own = {"request_id": answer["request_id"]} | ({} if explain else {"reasons": []})
    assert {**answer, **own} == {**expected.model_dump(mode="json"), **own}


def test_texts_are_in_the_language_asked_for(sure: Scorer, customer: dict[str, Any]) -> None:
    call = Caller(create_app(sure))
    english, spanish = (
        ask(call, "/predict", f"action=1&language={language}", customer) for language in ("en", "es")
    )
    assert english["reasons"][0]["text"].endswith("the risk of churn.")
    assert spanish["reasons"][0]["text"].endswith("el riesgo de baja.")
    assert english["action"]["note"] != spanish["action"]["note"]
    assert ask(call, "/predict", "action=1", customer)["action"] == english["action"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "field", "message", "allowed"),
    [
        ("interval=maybe", "interval", "is not allowed", "true or false"),
        ("interval=true&interval=true", "interval", "is given twice", "true or false, once"),
        ("action=", "action", "is not allowed", "true or false"),
        ("language=de", "language", "is not allowed", "en or es"),
        ("language=en&language=es", "language", "is given twice", "en or es, once"),
        (
            "intervals=true",
            "intervals",
            "is not a parameter of this route",
            "explain, interval, action, language",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    sure: Scorer, customer: dict[str, Any], path: str, query: str, field: str, message: str, allowed: str
) -> None:
    body = customer if path == "/predict" else {"customers": [customer]}
    response = Caller(create_app(sure))("POST", f"{path}?{query}", json=body)
    problem = Problem.model_validate_json(response.content)
    assert response.status_code == problem.status == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert [(e.field, e.message, e.allowed) for e in problem.errors] == [(field, message, allowed)]


@pytest.mark.parametrize("path", PATHS)
def test_an_interval_that_the_model_does_not_know_is_refused(
    call: Caller, customer: dict[str, Any], path: str
) -> None:
    body = customer if path == "/predict" else {"customers": [customer]}
    problem = call("POST", f"{path}?interval=true", json=body).json()
    assert problem["status"] == 400
    assert problem["detail"] == "The query parameter 'interval' asks for what this model does not know."
    assert [(e["field"], e["allowed"]) for e in problem["errors"]] == [("interval", "false")]
    assert call("POST", f"{path}?interval=false", json=body).status_code == 200
