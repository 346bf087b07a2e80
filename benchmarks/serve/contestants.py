"""Who is asked, and how each is started."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.loader import post
from benchmarks.servers import ROOT, Server, memory, mlflow_server, server
from churn_core.bundle import Bundle

__all__ = ["Contestant", "Round", "contestants"]

_PATIENCE_S = 120


@dataclass(frozen=True)
class Round:
    """What one did in one round; all in seconds, `processor` and `alone` for one request.

    Attributes:
        alone: Median at one connection.
    """

    rate: float
    processor: float
    times: list[float]
    alone: float


@dataclass
class Contestant:
    """A service that answers the same customer.

    Attributes:
        cold: Seconds from the start of the process to the first answer.
    """

    name: str
    service: Server
    request: bytes
    cold: float
    rounds: list[Round] = field(default_factory=list[Round])

    @property
    def megabytes(self) -> float:
        """Peak so far."""
        return memory(self.service.pid)


@contextmanager
def contestants(bundle: Bundle, folder: Path, few: bool) -> Iterator[list[Contestant]]:
    """All of them, listening; with `few`, only the service and the bare application."""
    body = json.dumps(bundle.manifest.schema_spec.example()).encode()
    ours = ("-m", "churn_serve", "--bundle", str(bundle.folder), "--port", "0")
    with ExitStack() as stack:

        def start(name: str, path: str, body: bytes, process: AbstractContextManager[Server]) -> Contestant:
            started = time.perf_counter()
            service = stack.enter_context(process)
            _first_answer(service.port, path, body)
            return Contestant(name, service, post(path, body), time.perf_counter() - started)

        quiet = start("service without reasons", "/predict?explain=false", body, server(*ours))
        found = [
            start(
                "bare FastAPI, a constant",
                "/predict",
                body,
                server("-m", "benchmarks.bare", str(bundle.folder)),
            ),
            quiet,
            Contestant("service with reasons", quiet.service, post("/predict", body), quiet.cold),
        ]
        if not few:
            print("(saving the model for MLflow, training PyCaret's)", flush=True)
            model = _mlflow_model(bundle, folder / "mlflow")
            frame = json.dumps({"dataframe_records": [_features(body)]}).encode()
            found.append(start("mlflow models serve", "/invocations", frame, mlflow_server(model, folder)))
            found += [
                start(name, "/predict", body, server(*_replaced(how, bundle, folder)))
                for how, name in (("once", "PyCaret, loaded once"), ("each", "PyCaret, loaded each time"))
            ]
        yield found


def _mlflow_model(bundle: Bundle, folder: Path) -> Path:
    from churn_core.tracking.model import save_model

    save_model(bundle, folder)
    return folder


def _features(body: bytes) -> dict[str, object]:
    return {name: value for name, value in json.loads(body).items() if name != "customer_id"}


def _replaced(how: str, bundle: Bundle, folder: Path) -> list[str]:
    command = ["-W", "ignore", "-m", "benchmarks.serve.replaced"]
    if not (folder / "pipeline.pkl").exists():
        training = [sys.executable, *command, "train", str(folder), str(bundle.folder)]
        subprocess.run(training, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return [*command, how, str(folder), str(bundle.folder)]


def _first_answer(port: int, path: str, body: bytes) -> None:
    ends = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except OSError:
            time.sleep(0.02)
        else:
            if response.status == 200:
                return
            raise SystemExit(f"{path} answers {response.status}: {answer[:300].decode(errors='replace')}")
        finally:
            connection.close()
    raise SystemExit(f"{path} does not answer")
