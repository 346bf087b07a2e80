"""Headers for browsers: who may call, and what pages may do."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_serve import Settings, create_app
from tests.support.http import Caller

ORIGIN = "https://crm.example.com"
ASKS = {"origin": ORIGIN, "access-control-request-method": "POST"}
KEY_HASH = hashlib.sha256(b"key").hexdigest()


@pytest.fixture
def shared(scorer: Scorer) -> Caller:
    """A service that pages of one origin may call, with a key."""
    return Caller(create_app(scorer, Settings(cors_origins=(ORIGIN,), api_key_hashes=(KEY_HASH,))))


def _cors(headers: Any) -> set[str]:
    return {name for name in headers if name.startswith("access-control-")}


def test_pages_of_other_origins_may_not_call(call: Caller, customer: dict[str, Any]) -> None:
    response = call("POST", "/predict", json=customer, headers={"origin": ORIGIN})
    preflight = call("OPTIONS", "/predict", headers=ASKS)
    assert (response.status_code, preflight.status_code) == (200, 405)
    assert not _cors(response.headers) | _cors(preflight.headers)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/model"])
def test_a_page_of_a_known_origin_may_ask_without_a_key(shared: Caller, path: str) -> None:
    response = shared("OPTIONS", path, headers=ASKS)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in response.headers["access-control-allow-methods"]
    assert {"content-type", "x-api-key", "x-request-id", "x-request-timeout"} == set(
        response.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["vary"] == "origin"


@pytest.mark.parametrize(("key", "status"), [("key", 200), ("other", 401)])
def test_a_page_of_a_known_origin_may_read_every_answer(
    shared: Caller, customer: dict[str, Any], key: str, status: int
) -> None:
    headers = {"origin": ORIGIN, "x-api-key": key}
    for response in (
        shared("POST", "/predict", json=customer, headers=headers),
        shared("GET", "/model", headers=headers),
    ):
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-expose-headers"] == "x-request-id, retry-after"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://crm.example.com.evil.org",
        "http://crm.example.com",
        "https://crm.example.com:8443",
        "*",
        "",
    ],
)
def test_no_other_origin_may(shared: Caller, customer: dict[str, Any], origin: str) -> None:
    preflight = shared("OPTIONS", "/predict", headers={**ASKS, "origin": origin})
    response = shared("POST", "/predict", json=customer, headers={"origin": origin, "x-api-key": "key"})
    assert preflight.status_code == 401
    assert response.headers["vary"] == "origin"
    assert not _cors(response.headers) | _cors(preflight.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/predict"), ("GET", "/model"), ("GET", "/nothing"), ("GET", "/docs"), ("GET", "/metrics")],
)
def test_every_answer_is_safe_for_browsers(call: Caller, method: str, path: str) -> None:
    headers = call(method, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    if method == "GET":
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers.get_list("content-security-policy")) <= 1


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_pages_run_no_scripts_but_their_own(call: Caller, page: str) -> None:
    response = call("GET", page)
    policy = response.headers["content-security-policy"]
    scripts = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert len(scripts) == (page == "/docs")
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert not re.search(r"\son\w+=", response.text)
