"""The Runtime API of AWS Lambda, and functions that run on it as they do there: as a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple

__all__ = ["Function", "Outcome", "function"]

_ROOT = Path(__file__).parents[2]
_PREFIX = "/2018-06-01/runtime"
_PATIENCE_S = 30


class Outcome(NamedTuple):
    """What a runtime posted: `kind` is `response`, `error` or `init/error`."""

    kind: str
    content: Any


class Function:
    """A function on Lambda, seen from the side of the service that invokes it."""

    def __init__(self, log: Path) -> None:
        self.events: Queue[tuple[bytes, float]] = Queue()
        self.outcomes: Queue[Outcome] = Queue()
        self._log = log

    def invoke(self, event: object, seconds: float = 30) -> Outcome:
        """Send an event and wait for what the function posts; it has so many seconds."""
        self.events.put((json.dumps(event).encode(), seconds))
        return self.outcome()

    def answer(self, event: object, seconds: float = 30) -> Any:
        """The response to an event that has one."""
        outcome = self.invoke(event, seconds)
        assert outcome.kind == "response", outcome
        return outcome.content

    def outcome(self) -> Outcome:
        return self.outcomes.get(timeout=_PATIENCE_S)

    @property
    def output(self) -> str:
        """What the function has written so far."""
        return self._log.read_text(encoding="utf-8")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of JSON in its log about one kind of event."""
        found = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]


@contextmanager
def function(folder: Path, **environment: str) -> Iterator[Function]:
    """Run `churn_serve.lambda_handler.handler` on the runtime client that AWS uses.

    Args:
        folder: For its log.
        environment: What the function is configured with; nothing of this process's `CHURN_*` counts.
    """
    made = Function(folder / "function.log")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_", "MLFLOW_"))}
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server,
        (folder / "function.log").open("wb") as log,
    ):
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        api = f"127.0.0.1:{server.server_port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "churn_serve.lambda_handler.handler"],
            cwd=_ROOT,
            env={**own, "AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": "churn", **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield made
        finally:
            process.kill()
            process.wait(timeout=30)
            made.events.put((b"", 0))  # whoever waits for an event need not
            server.shutdown()


def _handler(made: Function) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError):  # of a function that was stopped
                super().handle()

        def do_GET(self) -> None:
            assert self.path == f"{_PREFIX}/invocation/next"
            event, seconds = made.events.get()
            if not event:
                return
            headers = {  # all of them: the client dies where one is missing
                "Content-Type": "application/json",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                "Lambda-Runtime-Aws-Request-Id": os.urandom(8).hex(),
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:churn",
            }
            self._reply(200, event, headers)

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kind = "init/error" if self.path == f"{_PREFIX}/init/error" else self.path.rpartition("/")[2]
            self._reply(202, b"{}", {})
            made.outcomes.put(Outcome(kind, content))

        def _reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    return Handler
