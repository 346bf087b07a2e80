from __future__ import annotations

import re
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import IbmTelcoCustomer, ModelInfo, SchemaInfo, customer_class
from churn_serve import create_app
from tests.support.http import Caller


def test_model_tells_which_one_answers(call: Caller, scorer: Scorer) -> None:
    model = ModelInfo.model_validate_json(call("GET", "/model").content)
    assert (model.name, model.version, model.digest) == tuple(scorer.model.model_dump().values())
    assert model.threshold == scorer.bundle.decision.threshold
    assert model.metrics["roc_auc"].low == 0.83


def test_schema_is_enough_to_make_a_customer(call: Caller, customer: dict[str, Any]) -> None:
    schema = SchemaInfo.model_validate_json(call("GET", "/schema").content)
    assert schema.fingerprint == IbmTelcoCustomer.spec.fingerprint
    assert customer_class(schema.spec).parse(customer).customer_id == "C-7"
    assert schema.json_schema["properties"].keys() == customer.keys()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/predict/", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/model", 405),
    ],
)
def test_what_is_not_offered_is_a_problem(call: Caller, method: str, path: str, status: int) -> None:
    response = call(method, path)
    assert response.status_code == response.json()["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert ("allow" in response.headers) is (status == 405)


@pytest.mark.parametrize(
    "path", ["/model", "/schema", "/health/live", "/health/ready", "/docs", "/openapi.json"]
)
def test_head_is_get_without_the_body(call: Caller, path: str) -> None:
    full, head = call("GET", path), call("HEAD", path)
    assert head.status_code == full.status_code
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == full.headers[name]
    assert "x-request-id" in head.headers


def test_methods_that_a_route_has_are_named(call: Caller) -> None:
    assert call("DELETE", "/model").headers["allow"] == "GET, HEAD"
    assert call("GET", "/predict").headers["allow"] == "POST"
    head = call("HEAD", "/predict")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")
    missing = Caller(create_app())("HEAD", "/predict")
    assert (missing.status_code, missing.content) == (503, b"")


def test_readiness_names_the_model(call: Caller, scorer: Scorer) -> None:
    assert call("GET", "/health/live").json() == {"status": "alive"}
    ready = call("GET", "/health/ready")
    assert ready.json() == {
        "status": "ready",
        "model": scorer.model.model_dump(),
        "source": "given",
        "since": "",
        "note": "The program that runs the service chose it.",
    }
    assert call("GET", "/model").json()["source"] == "given"


def test_not_ready_until_there_is_a_model(scorer: Scorer, customer: dict[str, Any]) -> None:
    service = create_app()
    call = Caller(service)
    assert call("GET", "/health/live").status_code == 200
    assert call("GET", "/metrics").status_code == 200
    for method, path in [("GET", "/health/ready"), ("POST", "/predict"), ("GET", "/model")]:
        response = call(method, path)
        assert response.status_code == response.json()["status"] == 503
        assert response.headers["retry-after"] == "1"
    service.use(scorer)
    assert call("GET", "/health/ready").status_code == 200
    assert call("POST", "/predict", json=customer).status_code == 200


def test_openapi_describes_the_bundles_customers(call: Caller, scorer: Scorer) -> None:
    document = call("GET", "/openapi.json").json()
    assert set(document["paths"]) == {
        "/predict", "/predict/batch", "/model", "/schema", "/health/live", "/health/ready", "/metrics",
    }  # fmt: skip
    operation = document["paths"]["/predict"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    model = document["components"]["schemas"][body["$ref"].rpartition("/")[2]] if "$ref" in body else body
    text = str(body) + str(model)
    assert "Month-to-month" in str(document["components"]["schemas"])
    assert "C-0001" in text
    assert document["paths"]["/predict/batch"]["post"]["parameters"] == operation["parameters"]
    parameters = {one["name"]: one for one in operation["parameters"]}
    assert {name: one["schema"]["default"] for name, one in parameters.items()} == {
        "explain": True, "interval": False, "action": False, "language": "en", "X-Request-Timeout": 3600,
    }  # fmt: skip
    assert parameters["language"]["schema"]["enum"] == ["en", "es"]
    assert all(one["description"] and one["schema"]["examples"] for one in parameters.values())
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "ChurnPrediction"
    )
    refusals = {status: one for status, one in operation["responses"].items() if status != "200"}
    assert refusals.keys() == {"400", "408", "413", "415", "422", "429", "500", "503"}
    assert all(list(one["content"]) == ["application/problem+json"] for one in refusals.values())
    assert "HTTPValidationError" not in str(document["paths"])
    assert scorer.bundle.schema_spec.description.splitlines()[0] in str(document)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_documentation_needs_no_internet(call: Caller, page: str) -> None:
    html = call("GET", page).text
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", html)
    assert sources
    for source in sources:
        assert source.startswith("/static-offline-docs/")
        assert call("GET", source).status_code == 200
