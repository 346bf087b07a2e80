"""Sockets that keep to a moment, and what stands between them and a service."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request

import httpcore
import pytest

from churn_client import ChurnClient, ConfigError, ConnectionFailed, IbmTelcoCustomer, Request, TimedOut
from churn_client import _sockets as sockets
from churn_client._sockets import PunctualBackend
from churn_client._transport import HttpTransport
from churn_client.testing import FakeChurnService
from tests.support.faults import Link, faulty
from tests.support.lag import measured_lag
from tests.support.servers import free_port, over_http


async def _drip(link: Link, answer: bytes) -> None:
    """A byte comes often enough for any time-out of a single reading."""
    for at in range(len(answer)):
        link.writer.write(answer[at : at + 1])
        await link.writer.drain()
        await asyncio.sleep(0.02)


def test_an_answer_that_drips_is_late(customer: IbmTelcoCustomer) -> None:
    with faulty(FakeChurnService().handle) as server, measured_lag() as lag:
        server.plan = lambda: _drip
        client = ChurnClient(server.url, timeout=0.5, retries=0)
        started = time.monotonic()
        with client, pytest.raises(TimedOut, match="did not answer within 0.5 s"):
            client.predict(customer)
        assert 0.45 < time.monotonic() - started < 0.6 + lag()


def test_a_service_that_takes_nothing_in_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = ChurnClient(url, timeout=0.3, retries=0, batch_size=20_000, concurrency=1)
        rows = [{"customer_id": f"{number:>0100}"} for number in range(200_000)]
        with client, pytest.raises(TimedOut):
            list(client.predict_many(rows))


def test_a_name_is_not_looked_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(*_: object) -> list[object]:
        answered.wait(5)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    started = time.monotonic()
    with ChurnClient("http://churn.test", timeout=0.2, retries=0) as client, pytest.raises(TimedOut):
        client.model()
    answered.set()
    assert time.monotonic() - started < 2


def test_what_opens_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[httpcore.NetworkStream] = []
    may_open = threading.Event()
    closed = threading.Event()

    class Stream(httpcore.MockStream):
        def close(self) -> None:
            closed.set()

    class Slow(httpcore.SyncBackend):
        def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:  # type: ignore[override]
            may_open.wait(5)
            opened.append(Stream([]))
            return opened[0]

    monkeypatch.setattr(sockets.httpcore, "SyncBackend", Slow)
    with pytest.raises(httpcore.ConnectTimeout):
        PunctualBackend().connect_tcp("churn.test", 80, time.monotonic() + 0.05)
    may_open.set()
    assert closed.wait(5)


def test_names_are_found(customer: IbmTelcoCustomer) -> None:
    with over_http(FakeChurnService()) as url, ChurnClient(url.replace("127.0.0.1", "localhost")) as client:
        assert client.predict(customer)
    with ChurnClient(f"http://localhost:{free_port()}", retries=0) as client, pytest.raises(ConnectionFailed):
        client.model()


def test_a_moment_that_is_over_is_over() -> None:
    with pytest.raises(httpcore.ConnectTimeout):
        PunctualBackend().connect_tcp("127.0.0.1", 80, time.monotonic() - 1)


# --- proxies


@pytest.mark.parametrize("form", ["http://{}", "{}", "http://user:pass%20word@{}"])
def test_a_proxy_of_the_environment_is_used(environment: pytest.MonkeyPatch, form: str) -> None:
    fake = FakeChurnService()

    def relay(request: Request) -> object:
        path = request.path.removeprefix("http://churn.test:81")
        return fake.handle(Request(request.method, path, request.content, request.headers))

    with faulty(relay) as proxy:  # type: ignore[arg-type]
        environment.setenv("http_proxy", form.format(proxy.url.removeprefix("http://")))
        environment.delenv("no_proxy", raising=False)
        with ChurnClient("http://churn.test:81") as client:
            assert client.model().name == "fake"
    (seen,) = proxy.requests
    assert seen.path == "http://churn.test:81/model"
    assert ("proxy-authorization" in seen.headers) is ("@" in form)


def test_a_service_may_be_excepted_from_the_proxy(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://proxy.test:1")
    environment.setenv("no_proxy", "churn.test")
    assert urllib.request.getproxies()["http"]
    transport = HttpTransport("http://churn.test")
    assert transport._service.settings["proxy"] is None  # pyright: ignore[reportPrivateUsage]


def test_a_proxy_that_is_none_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "socks5://user:secret@proxy.test:1")
    with pytest.raises(ConfigError, match="is no HTTP proxy") as caught:
        ChurnClient("http://churn.test")
    assert "secret" not in str(caught.value)
