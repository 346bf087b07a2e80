"""HTTP as it really is, on the loopback."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from churn_client import (
    AsyncChurnClient,
    ChurnClient,
    ClientClosed,
    ConnectionFailed,
    IbmTelcoCustomer,
    ProtocolBroken,
    TimedOut,
    predict_churn,
)
from churn_client._messages import Request
from churn_client.testing import FakeChurnService

RESET = b"reset"


class _Server:
    """Answers every connection's requests with the same bytes; or says nothing."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.received: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.received.append(_request(connection))
                if self.answer == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif self.answer:
                    connection.sendall(self.answer)
                else:
                    connection.settimeout(5)
                    connection.recv(1)


def _request(connection: socket.socket) -> bytes:
    """One request as bytes, as far as it came."""
    with connection.makefile("rb") as stream:
        head = b""
        while (line := stream.readline()).strip():
            head += line
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        return head + b"\r\n" + stream.read(int(length[1]) if length else 0)


@pytest.fixture
def answer(customer: IbmTelcoCustomer) -> bytes:
    fake = FakeChurnService()
    fake.client().predict(customer)
    content = fake.handle(fake.requests[0]).content
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
    return head.encode() + content


@pytest.fixture
def server(answer: bytes) -> Iterator[_Server]:
    with closing(_Server(answer)) as server:
        yield server


def test_a_request_as_it_travels(server: _Server, customer: IbmTelcoCustomer) -> None:
    with ChurnClient(server.url + "/prod/", "the-key") as client:
        assert client.predict(customer).churn_probability == 0.5
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /prod/predict?explain=true http/1.1"
    assert {"x-api-key: the-key", "content-type: application/json", "user-agent: churn-client"} <= set(lines)
    assert IbmTelcoCustomer.parse_json(body) == customer


def test_proxies_do_not_stand_between_a_machine_and_itself(
    server: _Server, customer: IbmTelcoCustomer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    environment.delenv("NO_PROXY", raising=False)
    with ChurnClient(server.url, retries=0) as client:
        assert client.predict(customer)


def test_the_async_transport_travels_too(server: _Server, customer: IbmTelcoCustomer) -> None:
    async def ask() -> float:
        async with AsyncChurnClient(server.url) as client:
            return (await client.predict(customer)).churn_probability

    assert asyncio.run(ask()) == 0.5


def test_predict_churn_finds_its_service(
    server: _Server, answer: bytes, customer: IbmTelcoCustomer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("CHURN_API_URL", server.url)
    assert predict_churn(customer).churn_probability == 0.5
    with closing(_Server(answer.replace(b"0.5", b"0.7"))) as other:
        environment.setenv("CHURN_API_URL", other.url)
        environment.setenv("CHURN_API_KEY", "other-key")
        assert predict_churn(customer).churn_probability == 0.7
        assert b"other-key" in other.received[0]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ChurnClient(f"http://127.0.0.1:{port}", retries=0) as client:
        assert not client.ready()
        with pytest.raises(ConnectionFailed, match=f"http://127.0.0.1:{port} cannot be reached") as caught:
            client.model()
        assert caught.value.__cause__ is None
        assert type(caught.value) is ConnectionFailed


def test_nobody_answers() -> None:
    async def ask(url: str) -> None:
        async with AsyncChurnClient(url, timeout=0.2, retries=0) as client:
            await client.model()

    with closing(_Server(b"")) as silent:
        client = ChurnClient(silent.url, timeout=0.2, retries=0)
        with client, pytest.raises(TimedOut, match=r"did not answer within 0\.2 s"):
            client.model()
        with pytest.raises(TimedOut):
            asyncio.run(ask(silent.url))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort", "broke its answer off"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nsho", "broke its answer off"),
        (b"HTTP/1.1 200 OK\r\ncontent-enc", "closed the connection without an answer"),
        (b"Jane Doe\r\n\r\n", "does not answer in HTTP"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\ncontent-encoding: gzip\r\n\r\nJane Doe",
            "gave an answer that is compressed",
        ),
    ],
)
def test_a_broken_answer_is_a_failed_connection(answer: bytes, words: str) -> None:
    with closing(_Server(answer)) as server:
        client = ChurnClient(server.url, retries=0)
        with client, pytest.raises(ProtocolBroken) as caught:
            client.model()
        assert str(caught.value).startswith(f"{server.url} {words} (request ")


def test_a_connection_that_is_reset_was_broken_off() -> None:
    with closing(_Server(RESET)) as server:
        client = ChurnClient(server.url, retries=0)
        with client, pytest.raises(ConnectionFailed, match="broke the connection off"):
            client.model()


def test_a_closed_client_says_so(server: _Server, customer: IbmTelcoCustomer) -> None:
    async def ask() -> None:
        client = AsyncChurnClient(server.url)
        await client.close()
        await client.predict(customer)

    client = ChurnClient(server.url)
    client.close()
    client.close()
    for call in (client.model, client.ready, lambda: client.predict(customer), lambda: asyncio.run(ask())):
        with pytest.raises(ClientClosed, match="the client is closed"):
            call()


def test_a_request_shows_neither_key_nor_customer() -> None:
    request = Request("POST", "/predict", b"Jane Doe", {"x-api-key": "secret"})
    assert repr(request) == "Request(method='POST', path='/predict', timeout=10.0)"
