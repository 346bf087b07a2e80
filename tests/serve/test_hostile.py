"""What arrives at a port that anyone can reach."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_core.schemas import Problem
from tests.support.bundles import logistic_bundle
from tests.support.service import Running, running, talk

GET = b"GET /health/live HTTP/1.1\r\nhost: service\r\n"
CLOSE = b"connection: close\r\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    logistic_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    limits = {"CHURN_HEAD_SECONDS": "1", "CHURN_IDLE_SECONDS": "1", "CHURN_BODY_SECONDS": "2"}
    with running(bundle, tmp_path_factory.mktemp("log") / "log", **limits) as found:
        yield found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> Problem:
    """The only answer there is, which must be a problem document with nothing of this machine in it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"Traceback" not in body
    assert b"churn_serve" not in body
    found = Problem.model_validate_json(body)
    assert found.status == status(answer)
    assert f"x-request-id: {found.request_id}".encode() in head
    return found


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET /health/live%00 HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 404),
        (b"GET /%ff%fe/../../etc/passwd HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 404),
        (b"GET /static-offline-docs/../../api.py HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 404),
        (b"GET /static-offline-docs/%2e%2e/core.py HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 404),
        (b"TRACE /predict HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 405),
        (b"OPTIONS /predict HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n", 404),
        (b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"BREW /coffee HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /health\x00/live HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /health/live HTTP/7.9\r\nhost: x\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n{}", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n{}", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: -3\r\n\r\n{}", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: " + b"9" * 19 + b"\r\n" + CLOSE + b"\r\n", 413),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}", 400),
        (GET + b"x-a: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (GET + b"x-a: b\r\n" * 5_000 + b"\r\n", 431),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"\r\n", 408),
        (b"GET /health/live HTTP/1.1\r\nhost", 408),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 10\r\n\r\n{", 408),
        (
            b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
            + b"a: b\r\n" * 9_000,
            431,
        ),
    ],
)
def test_a_strange_request_is_a_problem(service: Running, request_bytes: bytes, expected: int) -> None:
    assert problem(talk(service.port, request_bytes)).status == expected


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health/live HTTP/1.0\r\n\r\n",
        b"GET http://other.example/health/live HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n",
        GET + CLOSE + b"x-bytes: \xff\xfe\x80\r\nx-request-id: \xff\r\n\r\n",
        GET + CLOSE + b"x-request-id: a\r\nx-request-id: b\r\n\r\n",
        GET + b"connection: upgrade, close\r\nupgrade: h2c\r\n\r\n",
    ],
)
def test_a_rare_request_is_answered(service: Running, request_bytes: bytes) -> None:
    answer = talk(service.port, request_bytes)
    assert status(answer) == 200
    assert answer.endswith(b'{"status":"alive"}')


def test_requests_sent_ahead_are_answered_in_order(service: Running) -> None:
    paths = [b"/health/live", b"/nothing", b"/health/ready"] * 3
    ahead = b"".join(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path for path in paths)
    answer = talk(service.port, ahead + GET + CLOSE + b"\r\n")
    assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200, 404, 200] * 3 + [200]


def test_too_many_requests_sent_ahead_end_the_connection(service: Running) -> None:
    answer = talk(service.port, (GET + b"\r\n") * 5_000)
    assert answer.count(b"HTTP/1.1 200 ") < 20
    assert httpx.get(f"{service.url}/health/live").status_code == 200


def test_refused_connections_are_counted(service: Running) -> None:
    assert status(talk(service.port, b"nonsense\r\n\r\n")) == 400
    counted = httpx.get(f"{service.url}/metrics").text
    assert 'churn_connections_refused_total{status="400"}' in counted


def test_what_comes_before_nonsense_is_answered(service: Running) -> None:
    answer = talk(service.port, GET + b"\r\n\x00nonsense\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert status(answer) == 200


def test_the_answer_to_head_has_no_body(service: Running) -> None:
    answer = talk(service.port, b"HEAD /health/live HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (status(answer), body) == (200, b"")
    assert b"content-length: 18" in head


def test_an_idle_connection_is_closed(service: Running) -> None:
    begin = time.monotonic()
    assert status(talk(service.port, GET + b"\r\n")) == 200
    assert 0.9 < time.monotonic() - begin < 10


def test_an_endless_body_that_nobody_reads_ends_the_connection(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(GET + b"content-length: 1000000000000\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            _drip(connection)


def _drip(connection: socket.socket) -> None:
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.1)


def test_slow_callers_stop_no_others(service: Running, customer: dict[str, Any]) -> None:
    slow = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(200)]
    stop = threading.Event()

    def drip() -> None:
        for byte in GET:
            for connection in slow:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    continue
            if stop.wait(0.2):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with httpx.Client(base_url=service.url, timeout=5) as client:
            begin = time.monotonic()
            while time.monotonic() - begin < 1.5:
                assert client.post("/predict", json=customer).status_code == 200
        answers = [connection.recv(4096) for connection in slow]
    finally:
        stop.set()
        thread.join()
        for connection in slow:
            connection.close()
    assert {status(answer) for answer in answers} == {408}


def test_callers_who_take_no_answers_are_left(service: Running) -> None:
    path = "/static-offline-docs/swagger-ui-bundle.js"
    size = int(httpx.head(service.url + path).headers["content-length"])
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(30)
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode() * 10)
        time.sleep(4)  # longer than an answer may take
        with connection.makefile("rb") as stream:
            assert len(stream.read()) < 9 * size
    assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_a_full_house_makes_room_for_those_who_ask(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path / "log", CHURN_MAX_CONNECTIONS="5") as service:
        idle = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(20)]
        for _ in range(20):
            assert status(talk(service.port, GET + CLOSE + b"\r\n")) == 200
        for connection in idle:
            connection.close()


def test_the_log_is_json_and_has_no_traces_of_callers(service: Running) -> None:
    talk(service.port, b"GET /Jane-Doe HTTP/1.1\r\nhost: x\r\n" + CLOSE + b"\r\n")
    talk(service.port, b"nonsense Jane-Doe\r\n\r\n")
    text = service.log.read_text()
    for line in text.splitlines():
        assert json.loads(line)["event"]
    assert "Jane" not in text
    assert "Traceback" not in text
