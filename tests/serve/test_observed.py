"""What a service tells those who run it: logs, metrics, and records for monitoring."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_serve import Settings, create_app
from churn_serve.logs import Log, ServerLogs, outcome
from churn_serve.metrics import Metrics
from tests.support.http import Caller


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def _lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_each_request_is_one_line_without_the_customer(
    scorer: Scorer, customer: dict[str, Any], log: io.StringIO
) -> None:
    call = Caller(create_app(scorer, log=Log(log)))
    secret = {**customer, "customer_id": "Jane Doe"}
    call("POST", "/predict", json=secret, headers={"x-request-id": "r-1"})
    call("POST", "/predict", json={**secret, "gender": "Jane Doe"})
    call("POST", "/predict/batch", json={"customers": [secret, secret, {}]})
    call("GET", "/Jane%20Doe")
    lines = _lines(log)
    assert [(line["method"], line["route"], line["status"], line["customers"]) for line in lines] == [
        ("POST", "/predict", 200, 1),
        ("POST", "/predict", 422, 0),
        ("POST", "/predict/batch", 200, 2),
        ("GET", "other", 404, 0),
    ]
    assert lines[0]["request_id"] == "r-1"
    assert lines[0]["event"] == "request"
    assert lines[0]["milliseconds"] > 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(lines[0]["time"])).total_seconds()) < 60
    assert [line["outcome"] for line in lines] == ["answered", "refused", "answered", "refused"]
    assert {line["model"] for line in lines} == {scorer.model.digest[:12]}
    assert "customer_ids" not in log.getvalue()
    assert "Jane" not in log.getvalue()


def test_with_a_salt_customers_are_hashed(scorer: Scorer, customer: dict[str, Any], log: io.StringIO) -> None:
    call = Caller(create_app(scorer, Settings(log_salt="pepper"), log=Log(log)))
    other = {**customer, "customer_id": "Z\u00fcrich 1"}
    call("POST", "/predict", json=customer)
    call("POST", "/predict/batch", json={"customers": [other, {}, customer]})
    call("POST", "/predict", json={})
    first, second = (
        hmac.new(b"pepper", name.encode(), hashlib.sha256).hexdigest()[:16]
        for name in ("C-7", "Z\u00fcrich 1")
    )
    assert [line.get("customer_ids") for line in _lines(log)] == [[first], [second, first], None]
    assert "C-7" not in log.getvalue()


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (200, "answered"),
        (404, "refused"),
        (429, "shed"),
        (499, "left"),
        (500, "failed"),
        (503, "unavailable"),
    ],
)
def test_an_outcome_is_a_word(status: int, word: str) -> None:
    assert outcome(status) == word


def test_what_the_server_logs_is_json_too(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("a server")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [ServerLogs(Log(log))])
    logger.info("a detail")
    logger.warning("Invalid %s.\n", "request")
    try:
        raise OSError("Jane Doe")
    except OSError:
        logger.exception("Jane Doe failed")
    warning, failure = _lines(log)
    assert (warning["level"], warning["event"]) == ("warning", "Invalid request.")
    assert (failure["level"], failure["event"], failure["error"]) == ("error", "the server failed", "OSError")
    assert "Jane" not in log.getvalue()


def test_nothing_is_logged_until_somebody_asks(
    call: Caller, customer: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    call("POST", "/predict", json=customer)
    assert capfd.readouterr() == ("", "")


class _Broken:
    """A scorer that fails, as a defect would make it."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scorer, name)

    def predict(self, customer: Any, **asked: Any) -> Any:
        raise RuntimeError(f"cannot handle {customer!r}")

    predict_many = predict


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/predict"), ("POST", "/predict/batch"), ("GET", "/health/ready")]
)
def test_a_defect_is_a_problem_too(
    scorer: Scorer, customer: dict[str, Any], log: io.StringIO, method: str, path: str
) -> None:
    call = Caller(create_app(_Broken(scorer), log=Log(log)))  # type: ignore[arg-type]
    body = {"customers": [customer]} if path.endswith("batch") else customer
    response = call(method, path, json=body)
    assert response.status_code == response.json()["status"] == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    failure, request = _lines(log)
    assert failure["level"] == "error"
    assert failure["error"] == "RuntimeError"
    assert any("predict" in place for place in failure["trace"])
    assert request["status"] == 500
    assert "C-7" not in log.getvalue() + response.text


def _samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_count_what_was_answered(call: Caller, customer: dict[str, Any], scorer: Scorer) -> None:
    call("POST", "/predict", json=customer)
    call("POST", "/predict", json=customer)
    call("POST", "/predict", json={})
    call("POST", "/predict/batch", json={"customers": [customer] * 3})
    call("BREW", "/coffee")
    response = call("GET", "/metrics")
    samples = _samples(response.text)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert samples['churn_requests_total{method="POST",route="/predict",status="200"}'] == 2
    assert samples['churn_requests_total{method="POST",route="/predict",status="422"}'] == 1
    assert samples['churn_requests_total{method="other",route="other",status="404"}'] == 1
    assert samples['churn_customers_total{route="/predict"}'] == 2
    assert samples['churn_customers_total{route="/predict/batch"}'] == 3
    assert samples['churn_request_seconds_bucket{route="/predict",le="+Inf"}'] == 3
    assert samples['churn_request_seconds_count{route="/predict"}'] == 3
    assert samples['churn_request_seconds_sum{route="/predict"}'] > 0
    assert any(scorer.model.digest in name for name in samples)


def test_buckets_include_their_bound_and_add_up() -> None:
    metrics = Metrics()
    for seconds in (0.0004, 0.0005, 0.3, 99.0):
        metrics.observe("GET", "/model", 200, seconds, 0)
    samples = _samples(metrics.render(None))
    buckets = [value for name, value in samples.items() if "_bucket" in name]
    assert samples['churn_request_seconds_bucket{route="/model",le="0.0005"}'] == 2
    assert samples['churn_request_seconds_bucket{route="/model",le="0.5"}'] == 3
    assert buckets[-1] == 4
    assert buckets == sorted(buckets)


class _Sink:
    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.records += records


def test_a_sink_receives_what_was_answered(scorer: Scorer, customer: dict[str, Any]) -> None:
    sink = _Sink()
    call = Caller(create_app(scorer, sink=sink))
    first = call("POST", "/predict", json=customer).json()
    call("POST", "/predict", json={})
    call("POST", "/predict/batch", json={"customers": [{}, customer, customer]})
    assert len(sink.records) == 3
    assert sink.records[0]["customer"] == customer
    assert sink.records[0]["churn_probability"] == first["churn_probability"]
    assert sink.records[0]["request_id"] == first["request_id"]
    assert sink.records[0]["digest"] == scorer.model.digest


class _BrokenSink:
    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        raise OSError("disk full")


def test_a_failing_sink_costs_no_answer(scorer: Scorer, customer: dict[str, Any], log: io.StringIO) -> None:
    call = Caller(create_app(scorer, sink=_BrokenSink(), log=Log(log)))
    assert call("POST", "/predict", json=customer).status_code == 200
    assert [line["event"] for line in _lines(log)] == ["the sink failed", "request"]
