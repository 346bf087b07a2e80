"""The function in this process: every kind of event, and what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_serve.errors import SettingsError, UnknownEvent, Unprotected
from tests.support.bundles import logistic_bundle
from tests.support.events import http_api, load_balancer, rest_api

MODULE = "churn_serve.lambda_handler"
MakeEvent = Callable[..., dict[str, Any]]
Handler = Callable[[Any, Any], dict[str, Any]]

KINDS: dict[str, MakeEvent] = {
    "http api": http_api,
    "http api with a stage": partial(http_api, stage="prod"),
    "rest api": rest_api,
    "rest api whose stage is called as a route": partial(rest_api, stage="health"),
    "load balancer": load_balancer,
    "load balancer with lists": partial(load_balancer, multi=True),
}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What Lambda gives a function; its event loop is kept from one event to the next."""
    logistic_bundle(tmp_path)
    for name in ("CHURN_API_KEY_HASHES", "CHURN_BASE_PATH", "CHURN_METRICS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHURN_BUNDLE", str(tmp_path))
    monkeypatch.setenv("CHURN_AUTH", "iam")
    sys.modules.pop(MODULE, None)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        yield monkeypatch
        asyncio.set_event_loop(None)
    sys.modules.pop(MODULE, None)


@pytest.fixture
def handler(environment: pytest.MonkeyPatch) -> Handler:
    return importlib.import_module(MODULE).handler


def kind_of(response: dict[str, Any]) -> str:
    headers = response.get("headers") or {k: v[0] for k, v in response["multiValueHeaders"].items()}
    return headers["content-type"]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_every_kind_of_event_is_answered(
    make: MakeEvent, handler: Handler, scorer: Scorer, customer: dict[str, Any]
) -> None:
    body = json.dumps(customer)
    coded = base64.b64encode(body.encode()).decode()
    plain = make("POST", "/predict", body)
    for event in (plain, {**plain, "body": coded, "isBase64Encoded": True}):
        response = handler(event, None)
        answer = json.loads(response["body"])
        assert (response["statusCode"], response["isBase64Encoded"]) == (200, False)
        assert kind_of(response) == "application/json"
        assert answer["churn_probability"] == scorer.predict(customer).churn_probability
        assert answer["request_id"] == "r-9"
        assert answer["reasons"]
    quiet = handler(make("POST", "/predict", body, "explain=false"), None)
    assert "reasons" not in json.loads(quiet["body"])
    wrong = handler(make("POST", "/predict", "{}"), None)
    assert (wrong["statusCode"], kind_of(wrong)) == (422, "application/problem+json")
    assert json.loads(wrong["body"])["errors"][0]["message"] == "is missing"
    ready = json.loads(handler(make("GET", "/health/ready"), None)["body"])
    assert (ready["status"], ready["source"]) == ("ready", "baked")
    assert handler(make("GET", "/nothing"), None)["statusCode"] == 404


def test_pages_are_text_and_pictures_are_coded(handler: Handler) -> None:
    page = handler(http_api("GET", "/docs", stage="prod"), None)
    assert (page["isBase64Encoded"], kind_of(page)) == (False, "text/html; charset=utf-8")
    assert 'src="/prod/static-offline-docs/swagger-ui-bundle.js"' in page["body"]
    assert "'/prod/openapi.json'" in page["body"]
    document = handler(http_api("GET", "/openapi.json", stage="prod"), None)
    assert json.loads(document["body"])["servers"] == [{"url": "/prod"}]
    script = handler(rest_api("GET", "/static-offline-docs/swagger-ui.css"), None)
    assert (script["statusCode"], script["isBase64Encoded"]) == (200, False)
    icon = handler(http_api("GET", "/static-offline-docs/favicon.png", stage="prod"), None)
    assert icon["isBase64Encoded"] is True
    assert base64.b64decode(icon["body"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("event", "page"),
    [
        (rest_api("GET", "/docs"), "/prod/openapi.json"),
        (rest_api("GET", "/churn/docs", called="/churn/docs"), "/churn/openapi.json"),
        (http_api("GET", "/churn/docs"), "/churn/openapi.json"),
    ],
)
def test_a_base_path_is_left_out_and_kept_in_links(
    environment: pytest.MonkeyPatch, event: dict[str, Any], page: str
) -> None:
    if page.startswith("/churn"):
        environment.setenv("CHURN_BASE_PATH", "/churn")
    response = importlib.import_module(MODULE).handler(event, None)
    assert (response["statusCode"], page in response["body"]) == (200, True)


@pytest.mark.parametrize("event", [{}, {"source": "aws.events", "detail-type": "Scheduled Event"}])
def test_a_ping_is_answered(handler: Handler, event: dict[str, Any]) -> None:
    assert handler(event, None) == {"warm": True, "ready": True}


@pytest.mark.parametrize(
    "event", [{"Records": [{"body": "7590-VHVEG"}]}, {"customer": "7590-VHVEG"}, [], "x", None]
)
def test_another_event_is_an_error_that_quotes_nothing(handler: Handler, event: Any) -> None:
    with pytest.raises(UnknownEvent, match="no HTTP request") as caught:
        handler(event, None)
    assert "7590" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"host": "a:b:c"}},
        {"body": "\ud800"},
        {"body": "a", "isBase64Encoded": True},
        {"requestContext": {"connectionId": "x"}},
    ],
)
def test_an_event_that_cannot_be_read_is_a_bad_request(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    response = importlib.import_module(MODULE).handler({**http_api("POST", "/predict", "{}"), **change}, None)
    assert (response["statusCode"], kind_of(response)) == (400, "application/problem+json")
    assert json.loads(response["body"])["detail"] == "The request cannot be read."
    assert '"event":"the event cannot be read"' in capsys.readouterr().out


def test_a_model_that_comes_later_is_found(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = tmp_path / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(b"damaged")
    module = importlib.import_module(MODULE)
    refused = module.handler(http_api("GET", "/health/ready"), None)
    note = json.loads(refused["body"])["detail"]
    assert (refused["statusCode"], note) == (503, "The bundle is missing or damaged, so no model is loaded.")
    assert capsys.readouterr().out.count('"event":"no model"') == 1
    graph.write_bytes(whole)
    assert module.handler({}, None) == {"warm": True, "ready": False}
    environment.setattr(module, "_PATIENCE_S", -1.0)
    assert module.handler({}, None) == {"warm": True, "ready": True}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("CHURN_AUTH", "", Unprotected), ("CHURN_METRICS", "yes", SettingsError)],
)
def test_what_is_not_decided_fails_the_start(
    environment: pytest.MonkeyPatch, name: str, value: str, error: type[Exception]
) -> None:
    environment.setenv(name, value)
    with pytest.raises(error):
        importlib.import_module(MODULE)
