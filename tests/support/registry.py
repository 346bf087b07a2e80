"""A small server that answers as an MLflow registry does, well or badly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from churn_core.bundle import Bundle

__all__ = ["FakeRegistry", "fake_registry"]

_API = "/api/2.0/"
_FOLDER = "mlflow-artifacts/artifacts/1/run/artifacts/model/data/bundle/"


class FakeRegistry:
    """One model, whose alias `production` is one bundle.

    Attributes:
        address: Where it listens.
        bundle: What the alias names.
        status: What it answers to everything, if not 200.
        failures: How many requests it fails before it behaves.
        seconds: How long it waits before each answer.
        cut: How many bytes of each file it leaves out.
        source: Where it says that the files are.
        digest: What it says of the bundle; the truth by default.
        asked: The paths of all requests.
        logins: The header `Authorization` of all requests.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.address = ""
        self.bundle = bundle
        self.status, self.failures, self.cut = 200, 0, 0
        self.seconds = 0.0
        self.source = "mlflow-artifacts:/1/run/artifacts/model"
        self.digest = bundle.manifest.digest
        self.asked: list[str] = []
        self.logins: list[str] = []

    def files(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self.asked if "mlflow-artifacts" in path]

    def answer(self, url: str) -> tuple[int, bytes]:
        """Status and content for one request."""
        parts = urlsplit(url)
        path, query = parts.path.removeprefix(_API), dict(parse_qsl(parts.query))
        self.asked.append(path)
        if self.failures:
            self.failures -= 1
            return 502, b"<html>try again</html>"
        if self.status != 200:
            return self.status, b"<html>no</html>"
        if path.startswith(_FOLDER):
            return 200, (self.bundle.folder / path.removeprefix(_FOLDER)).read_bytes()
        if path == "mlflow/model-versions/get-download-uri":
            return 200, _json(artifact_uri=self.source)
        if query in ({"name": "churn", "alias": "production"}, {"name": "churn", "version": "3"}):
            tags = [{"key": "bundle_digest", "value": self.digest}]
            return 200, _json(
                model_version={"name": "churn", "version": "3", "status": "READY", "tags": tags}
            )
        return 404, _json(error_code="RESOURCE_DOES_NOT_EXIST", message="not found")


@contextmanager
def fake_registry(bundle: Bundle) -> Iterator[FakeRegistry]:
    """Run one."""
    fake = FakeRegistry(bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.logins.append(self.headers.get("Authorization", ""))
            status, content = fake.answer(self.path)
            time.sleep(fake.seconds)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - fake.cut])

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        fake.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield fake
        finally:
            server.shutdown()


def _json(**content: Any) -> bytes:
    return json.dumps(content).encode()
