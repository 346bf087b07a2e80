from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_serve.__main__ import main
from churn_serve.errors import AddressError, ServeError
from churn_serve.server import listen, url
from tests.support.bundles import logistic_bundle

OPEN = {"CHURN_AUTH": "", "CHURN_API_KEY_HASHES": ""}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("::", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
    ],
)
def test_url_can_be_called_from_this_machine(host: str, expected: str) -> None:
    assert url(host, 80) == expected


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert first.proto == socket.IPPROTO_TCP
        with pytest.raises(AddressError, match=f"port {port} on 127.0.0.1 is taken"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 70_000, "port 70000 does not exist"),
        ("192.0.2.1", 0, "cannot listen on 192.0.2.1"),
        ("no such host", 0, "cannot listen on no such host"),
    ],
)
def test_an_address_that_cannot_be_had_is_named(host: str, port: int, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        listen(host, port)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the bundle to serve with --bundle or CHURN_BUNDLE"),
        (["--bundle", "/no/such/folder"], "there is no bundle folder '/no/such/folder'"),
        (["--bundle", "{bundle}", "--host", "0.0.0.0"], "listening on 0.0.0.0 without API keys is refused"),
    ],
)
def test_what_prevents_a_start_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    for name in (*OPEN, "CHURN_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    logistic_bundle(tmp_path)
    assert main([argument.format(bundle=tmp_path) for argument in arguments]) == 1
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_without_uvicorn_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "churn_serve.worker", raising=False)  # an import that is remembered
    logistic_bundle(tmp_path)
    assert main(["--bundle", str(tmp_path), "--port", "0"]) == 1
    assert "churn-serve[server]" in capsys.readouterr().err
    assert issubclass(AddressError, ServeError)


def test_a_process_serves_until_it_is_interrupted(tmp_path: Path, customer: dict[str, Any]) -> None:
    logistic_bundle(tmp_path)
    command = [sys.executable, "-m", "churn_serve", "--bundle", str(tmp_path), "--port", "0"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        command, env={**os.environ, **OPEN, "CHURN_BODY_SECONDS": "0.2"}, **pipes
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://\S+", line)
            assert address, process.communicate()
            response = httpx.post(address[0] + "/predict", json=customer, timeout=30)
            slow = _begin_a_request(address[0])
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert response.status_code == 200
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert process.returncode == 0
    assert out == ""
    assert '"route":"/predict","status":200' in err
    assert "Traceback" not in err


def _begin_a_request(address: str) -> bytes:
    """What is answered until the service closes a connection on which most of a body is missing."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: service\r\ncontent-length: 500\r\n\r\n{")
        with connection.makefile("rb") as stream:
            return stream.read()
