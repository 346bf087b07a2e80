"""What those who run a client see of it: hooks, logs and traces; forks, threads and loops."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from churn_client import (
    AsyncChurnClient,
    BadRequest,
    ChurnClient,
    ConfigError,
    ConnectionFailed,
    CustomerRefused,
    IbmTelcoCustomer,
    Request,
    Response,
    ServiceFailed,
    WrongLoop,
)
from churn_client.testing import FakeChurnService
from churn_core.schemas import Problem
from tests.support.imports import ROOT
from tests.support.servers import over_http

# --- hooks


def test_hooks_see_every_attempt(customer: IbmTelcoCustomer) -> None:
    seen: list[tuple[str, object]] = []

    def see(request: Request, outcome: Response | ConnectionFailed) -> None:
        seen.append((request.headers["x-team"], getattr(outcome, "status", type(outcome))))

    def mark(request: Request) -> Request:
        return replace(request, headers={**request.headers, "x-team": "billing"})

    def sign(request: Request) -> Request:
        assert request.headers["x-team"] == "billing"
        return replace(request, headers={**request.headers, "authorization": "signed"})

    service = FakeChurnService()
    client = service.client(on_request=mark, on_response=see, sign=sign)
    service.fail(503, 0)
    assert client.predict(customer)
    assert seen == [("billing", 503), ("billing", ConnectionFailed), ("billing", 200)]
    assert [one.headers["authorization"] for one in service.requests] == ["signed"] * 3


def test_a_hook_may_only_look(customer: IbmTelcoCustomer) -> None:
    seen: list[Request] = []
    service = FakeChurnService()
    assert service.client(on_request=seen.append).predict(customer)
    assert seen == service.requests
    assert seen[0].url == "http://fake-churn-service"


# --- logs


def test_logs_name_no_customer_and_no_key(
    customer: IbmTelcoCustomer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = FakeChurnService(api_key="the-secret-key")
    client = service.client(circuit_failures=1)
    service.fail(503)
    client.predict(customer.model_copy(update={"customer_id": "Jane Doe"}))
    list(client.predict_many([{"customer_id": "Jane Doe", "Jane": "Doe"}]))
    service.fail(500)
    with pytest.raises(ServiceFailed):
        client.model()
    lines = [record.getMessage() for record in caplog.records if record.name == "churn_client"]
    call = service.requests[0].headers["x-request-id"]
    assert lines[0].startswith(f"request {call}, attempt 1: POST /predict: 503 after 0.0")
    assert lines[-1].endswith("too many calls failed, no more for a while")
    for record in caplog.records:
        assert not any(word in record.getMessage() for word in ("Jane", "Doe", "secret"))


def _echo(status: int, **texts: Any) -> Response:
    problem = Problem(title="Bad", status=status, **texts)
    return Response(status, problem.model_dump_json().encode())


class _Says:
    """Something that answers the same to everything."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def send(self, request: Request) -> Response:
        return self._response

    def close(self) -> None: ...


@pytest.mark.parametrize("text", ["Jane Doe is unknown", "the key the-secret-key is unknown", "not Purple"])
def test_words_that_quote_what_was_sent_are_not_shown(customer: IbmTelcoCustomer, text: str) -> None:
    sent = {**customer.model_dump(), "customer_id": "Jane Doe", "gender": "Purple"}
    client = ChurnClient("http://echo", "the-secret-key", transport=_Says(_echo(400, detail=text)))
    with pytest.raises(BadRequest) as caught:
        client.predict(sent)
    assert text not in str(caught.value) + repr(caught.value)
    assert caught.value.problem
    assert caught.value.problem.detail == text


def test_words_that_quote_nothing_are_shown(customer: IbmTelcoCustomer) -> None:
    said = _echo(422, detail="The customer does not fit.", request_id="s-1")
    with pytest.raises(CustomerRefused, match=r"^The customer does not fit\. \(HTTP 422, request s-1, 1 att"):
        ChurnClient("http://says", transport=_Says(said)).predict(customer)


def test_an_error_tells_of_its_call(customer: IbmTelcoCustomer) -> None:
    service = FakeChurnService()
    service.fail(0, 0, 0, 0)
    with pytest.raises(ConnectionFailed, match=r"\(request \w{32}, 4 attempts, \d\.\d\d s\)$") as caught:
        service.client().predict(customer)
    error = caught.value
    assert (error.request_id, error.attempts) == (service.requests[0].headers["x-request-id"], 4)
    assert 0 < error.elapsed < 30
    service.fail(500)
    with pytest.raises(ServiceFailed) as failed:
        service.client().predict(customer)
    assert failed.value.problem == Problem(
        title="Internal Server Error", status=500, detail="The test wants it so."
    )
    assert failed.value.attempts == 1


# --- traces


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def test_a_call_is_a_span(customer: IbmTelcoCustomer, exporter: InMemorySpanExporter) -> None:
    exporter.clear()
    service = FakeChurnService()
    client = service.client(tracing=True)
    service.fail(503)
    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        client.predict(customer)
        service.fail(500)
        with pytest.raises(ServiceFailed):
            client.model()
    first, second, _ = exporter.get_finished_spans()
    assert (first.name, second.name) == ("churn /predict", "churn /model")
    assert dict(first.attributes or {}) == {
        "url.template": "/predict",
        "server.address": "fake-churn-service",
        "server.port": 80,
        "http.request.resend_count": 1,
        "http.response.status_code": 200,
    }
    assert (second.attributes or {})["error.type"] == "500"
    assert not second.status.is_ok
    assert first.parent
    assert first.context
    assert first.parent.span_id == outer.get_span_context().span_id
    ids = f"00-{first.context.trace_id:032x}-{first.context.span_id:016x}-"
    assert all(one.headers["traceparent"].startswith(ids) for one in service.requests[:2])


def test_without_tracing_there_is_none(customer: IbmTelcoCustomer, exporter: InMemorySpanExporter) -> None:
    exporter.clear()
    service = FakeChurnService()
    service.client().predict(customer)
    assert exporter.get_finished_spans() == ()
    assert "traceparent" not in service.requests[0].headers


def test_tracing_needs_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ConfigError, match=r"pip install 'churn-client\[otel\]'"):
        FakeChurnService().client(tracing=True)


# --- processes, loops


FORK = """
import os, sys, threading
from churn_client import ChurnClient, IbmTelcoCustomer, predict_churn
customer = IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example())
client = ChurnClient(sys.argv[1])
client.predict(customer), predict_churn(customer)
caller = client._core.caller
caller.budget._lock.acquire()  # as another thread might hold it
caller.budget.tokens = 5.0
child = os.fork()
if child == 0:
    for _ in range(3):
        client.predict(customer), predict_churn(customer)
    os._exit(0)
_, status = os.waitpid(child, 0)
caller.budget._lock.release()
client.predict(customer), predict_churn(customer)
print(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_process_has_connections_of_its_own() -> None:
    with over_http(FakeChurnService()) as url:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORK, url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=ROOT,
            env={"CHURN_API_URL": url, "PYTHONPATH": str(ROOT)},
        )
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_an_async_client_belongs_to_one_loop(customer: IbmTelcoCustomer) -> None:
    async def ask() -> None:
        await client.predict(customer)

    async def close() -> None:
        await client.close()

    with over_http(FakeChurnService()) as url, closing(asyncio.new_event_loop()) as loop:
        client = AsyncChurnClient(url)
        loop.run_until_complete(ask())
        for call in (ask, close):
            with pytest.raises(WrongLoop, match="make one for each loop"):
                asyncio.run(call())
        loop.run_until_complete(close())
