from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_core.errors import BundleError
from churn_serve.errors import Unprotected
from tests.support.bundles import logistic_bundle

MODULE = "churn_serve.lambda_handler"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What Lambda gives a function; its event loop is kept from one event to the next."""
    logistic_bundle(tmp_path)
    monkeypatch.setenv("CHURN_BUNDLE", str(tmp_path))
    monkeypatch.setenv("CHURN_AUTH", "iam")
    sys.modules.pop(MODULE, None)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        yield monkeypatch
        asyncio.set_event_loop(None)
    sys.modules.pop(MODULE, None)


def _v2(method: str, path: str, body: str = "", query: str = "", **more: Any) -> dict[str, Any]:
    """An event of an HTTP API or a function URL."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "example", "content-type": "application/json", "x-request-id": "r-9"},
        "requestContext": {"http": http, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
        **more,
    }


def _v1(method: str, path: str, body: str = "", **parameters: str) -> dict[str, Any]:
    """An event of a REST API."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Host": "example", "Content-Type": "application/json"},
        "multiValueHeaders": {"Host": ["example"], "Content-Type": ["application/json"]},
        "queryStringParameters": parameters or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in parameters.items()} or None,
        "requestContext": {"resourcePath": "/{proxy+}", "identity": {"sourceIp": "1.2.3.4"}},
        "body": body or None,
        "isBase64Encoded": False,
    }


def test_events_of_both_versions_are_answered(
    environment: pytest.MonkeyPatch, scorer: Scorer, customer: dict[str, Any]
) -> None:
    handler = importlib.import_module(MODULE).handler
    body = json.dumps(customer)
    coded = base64.b64encode(body.encode()).decode()
    events = [
        _v2("POST", "/predict", body),
        _v2("POST", "/predict", coded, isBase64Encoded=True),
        _v1("POST", "/predict", body),
    ]
    for event in events:
        response = handler(event, None)
        answer = json.loads(response["body"])
        assert response["statusCode"] == 200
        assert response["isBase64Encoded"] is False
        assert answer["churn_probability"] == scorer.predict(customer).churn_probability
        assert answer["reasons"]
    assert handler(events[0], None)["headers"]["x-request-id"] == "r-9"


def test_queries_and_problems_survive_the_gateway(
    environment: pytest.MonkeyPatch, customer: dict[str, Any]
) -> None:
    handler = importlib.import_module(MODULE).handler
    body = json.dumps(customer)
    quiet = (_v2("POST", "/predict", body, "explain=false"), _v1("POST", "/predict", body, explain="false"))
    for event in quiet:
        assert "reasons" not in json.loads(handler(event, None)["body"])
    for event in (_v2("POST", "/predict", "{}"), _v1("POST", "/predict", "{}")):
        response = handler(event, None)
        assert response["statusCode"] == 422
        assert response["isBase64Encoded"] is False
        assert json.loads(response["body"])["errors"][0]["message"] == "is missing"
    for event in (_v2("GET", "/health/ready"), _v1("GET", "/health/ready")):
        assert json.loads(handler(event, None)["body"])["status"] == "ready"


def test_the_bundle_is_read_once(environment: pytest.MonkeyPatch, customer: dict[str, Any]) -> None:
    reads: list[str] = []
    load = importlib.import_module("churn_core").load

    def counted(ref: str) -> Scorer:
        reads.append(ref)
        return load(ref)

    environment.setattr("churn_core.load", counted)
    handler = importlib.import_module(MODULE).handler
    for _ in range(3):
        assert handler(_v2("POST", "/predict", json.dumps(customer)), None)["statusCode"] == 200
    assert len(reads) == 1


def test_without_protection_it_does_not_start(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("CHURN_AUTH")
    with pytest.raises(Unprotected, match="AWS Lambda"):
        importlib.import_module(MODULE)


def test_without_a_bundle_it_does_not_start(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("CHURN_BUNDLE")
    with pytest.raises(BundleError, match="/var/task/model"):
        importlib.import_module(MODULE)
