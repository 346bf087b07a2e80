from __future__ import annotations

import hashlib
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import Problem
from churn_serve import Settings, create_app
from churn_serve.auth import ApiKeys, is_loopback, require_protection
from churn_serve.errors import Unprotected
from tests.support.http import Caller

KEYS = ("first-key", "second-key")
SCOPES = {"/predict": "predict", "/predict/batch": "predict", "/metrics": "admin"}
HASHES = tuple(hashlib.sha256(key.encode()).hexdigest() for key in KEYS)


@pytest.fixture
def guarded(scorer: Scorer) -> Caller:
    return Caller(create_app(scorer, Settings(api_key_hashes=HASHES)))


@pytest.mark.parametrize("key", KEYS)
def test_any_known_key_opens(guarded: Caller, customer: dict[str, Any], key: str) -> None:
    assert guarded("POST", "/predict", json=customer, headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": HASHES[0]}])
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/model", "/schema", "/metrics", "/nothing"])
def test_without_a_known_key_all_is_closed(guarded: Caller, path: str, headers: dict[str, str]) -> None:
    response = guarded("POST" if "predict" in path else "GET", path, headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("ApiKey")
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ("", {"/predict", "/predict/batch", "/model", "/schema"}),
        (":predict", {"/predict", "/predict/batch", "/model", "/schema"}),
        (":admin", {"/metrics", "/model", "/schema"}),
        (":predict+admin", {"/predict", "/predict/batch", "/metrics", "/model", "/schema"}),
    ],
)
def test_a_key_does_what_its_scopes_say(
    scorer: Scorer, customer: dict[str, Any], scopes: str, allowed: set[str]
) -> None:
    call = Caller(create_app(scorer, Settings(api_key_hashes=(HASHES[0] + scopes,))))
    for path in ("/predict", "/predict/batch", "/metrics", "/model", "/schema"):
        body = {"customers": [customer]} if path.endswith("batch") else customer
        method, options = ("POST", {"json": body}) if "predict" in path else ("GET", {})
        response = call(method, path, headers={"X-API-Key": KEYS[0]}, **options)
        assert response.status_code == (200 if path in allowed else 403)
        if response.status_code == 403:
            problem = Problem.model_validate_json(response.content)
            assert problem.status == 403
            assert problem.detail == f"This API key lacks the scope '{SCOPES[path]}'."
    assert call("GET", "/nothing", headers={"X-API-Key": KEYS[0]}).status_code == 404


def test_a_key_given_twice_has_the_scopes_of_both() -> None:
    keys = ApiKeys([HASHES[0], f"{HASHES[0]}:admin", f"{HASHES[1]}:admin"])
    assert keys.scopes(KEYS[0].encode()) == {"predict", "admin"}
    assert keys.scopes(KEYS[1].encode()) == {"admin"}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/docs", "/openapi.json"])
def test_health_and_documentation_need_no_key(guarded: Caller, path: str) -> None:
    assert guarded("GET", path).status_code == 200


def test_documentation_names_the_key_header(guarded: Caller, call: Caller) -> None:
    schemes = guarded("GET", "/openapi.json").json()["components"]["securitySchemes"]
    assert [scheme["name"] for scheme in schemes.values()] == ["X-API-Key"]
    responses = guarded("GET", "/openapi.json").json()["paths"]["/metrics"]["get"]["responses"]
    assert {"401", "403"} < responses.keys()
    assert "securitySchemes" not in call("GET", "/openapi.json").json()["components"]


def test_no_key_is_not_the_empty_key() -> None:
    keys = ApiKeys([hashlib.sha256(b"").hexdigest()])
    assert keys.scopes(None) is None


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_only_loopback_starts_without_keys(host: str, own: bool) -> None:
    assert is_loopback(host) is own
    for settings in (Settings(auth="none"), Settings(auth="iam"), Settings(api_key_hashes=HASHES)):
        require_protection(settings, host)
    if own:
        require_protection(Settings(), host)
    else:
        with pytest.raises(Unprotected, match="CHURN_API_KEY_HASHES"):
            require_protection(Settings(), host)
