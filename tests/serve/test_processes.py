"""How services end, and what becomes of workers that die."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_serve.__main__ import main
from tests.support.bundles import logistic_bundle
from tests.support.service import Running, running

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and workers are Unix's")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    logistic_bundle(folder)
    return folder


def events(service: Running, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def soon(found: Callable[[], Any], seconds: float = 20) -> Any:
    """What `found` gives once it gives something."""
    ends = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return value


def begun(service: Running, customer: dict[str, Any]) -> tuple[socket.socket, bytes]:
    """A connection on which half of a request was sent, and the other half."""
    body = json.dumps(customer).encode()
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    connection.sendall(head + body[:10])
    return connection, body[10:]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_begun_is_answered_before_the_end(
    bundle: Path, tmp_path: Path, customer: dict[str, Any], workers: str
) -> None:
    with running(bundle, tmp_path / "log", "--workers", workers) as service:
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        connection, rest = begun(service, customer)
        with connection, connection.makefile("rb") as stream:
            time.sleep(0.3)
            service.process.send_signal(signal.SIGTERM)
            soon(lambda: events(service, "stopping"))
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{service.url}/health/live", timeout=1)
            connection.sendall(rest)
            answer = stream.read()
        assert service.process.wait(30) == 0
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert "Traceback" not in service.log.read_text()


def test_before_the_end_it_says_that_it_is_not_ready(
    bundle: Path, tmp_path: Path, customer: dict[str, Any]
) -> None:
    with running(bundle, tmp_path / "log", CHURN_DRAIN_SECONDS="1.5") as service:
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        soon(lambda: httpx.get(f"{service.url}/health/ready").status_code == 503, 1)
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        assert httpx.post(f"{service.url}/predict", json=customer).status_code == 200
        assert service.process.wait(30) == 0


def test_the_end_comes_in_time(bundle: Path, tmp_path: Path, customer: dict[str, Any]) -> None:
    with running(bundle, tmp_path / "log", CHURN_STOP_SECONDS="0.5") as service:
        connection, _ = begun(service, customer)
        with connection:
            time.sleep(0.3)
            begin = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(30) == 1
            assert time.monotonic() - begin < 5
    assert "Traceback" not in service.log.read_text()


def test_a_worker_that_dies_is_replaced(bundle: Path, tmp_path: Path, customer: dict[str, Any]) -> None:
    with running(bundle, tmp_path / "log", CHURN_WORKERS="2") as service:
        first, second = (one["worker"] for one in soon(lambda: events(service, "a worker started")[:2]))
        time.sleep(1.1)
        os.kill(first, signal.SIGKILL)
        died = soon(lambda: events(service, "a worker died"))
        assert [(one["worker"], one["code"], one["level"]) for one in died] == [(first, -9, "error")]
        soon(lambda: len(events(service, "a worker started")) == 3)
        for _ in range(10):
            assert httpx.post(f"{service.url}/predict", json=customer).status_code == 200
        assert second not in [one["worker"] for one in died]
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0


def test_a_hung_worker_does_not_keep_the_others_from_ending(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path / "log", CHURN_WORKERS="2", CHURN_STOP_SECONDS="0.1") as service:
        first = soon(lambda: events(service, "a worker started")[:2])[0]["worker"]
        os.kill(first, signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 1


def test_workers_end_with_who_watches_them(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path / "log", CHURN_WORKERS="2") as service:
        soon(lambda: len(events(service, "a worker started")) == 2)
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        service.process.kill()
        soon(lambda: len(events(service, "stopping")) == 2)
        with pytest.raises(httpx.TransportError):
            soon(lambda: httpx.get(f"{service.url}/health/live").status_code != 200)


def test_one_worker_that_dies_is_seen(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path / "log") as service:
        service.process.kill()
        assert service.process.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5"])
def test_a_strange_number_of_workers_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--workers", given])
    assert "--workers: must be a whole number from 1" in capsys.readouterr().err
