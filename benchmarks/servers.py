"""Servers in processes of their own, and what they use."""

from __future__ import annotations

import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "CANDIDATE",
    "ROOT",
    "Server",
    "bundle_or_stand_in",
    "memory",
    "mlflow_server",
    "processor_seconds",
    "server",
]

ROOT = Path(__file__).resolve().parent.parent
CANDIDATE = ROOT / "models/candidate"


class Server(NamedTuple):
    """Where a process of ours listens; its log is a file."""

    pid: int
    port: int


@contextmanager
def server(*arguments: str, **environment: str) -> Iterator[Server]:
    """Python with `arguments`, from when it prints its port until the block ends."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            found = re.search(r":(\d+)\b", process.stdout.readline() if process.stdout else "")
            if not found:
                raise SystemExit(f"{' '.join(arguments)} did not start")
            yield Server(process.pid, int(found[1]))
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _environment(more: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    return {**own, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def bundle_or_stand_in(folder: Path) -> Path:
    """The candidate, or a small bundle in `folder` where there is none."""
    if (CANDIDATE / "manifest.json").exists():
        return CANDIDATE
    from tests.support.bundles import logistic_bundle

    print("(models/candidate is missing; this is a logistic graph. `make run` makes the real one.)")
    return logistic_bundle(folder).folder


def processor_seconds(pid: int) -> float:
    """What a process and its children have used so far; not known (nan) where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return own + sum(map(processor_seconds, _children(pid)))
    except OSError:
        return math.nan


def memory(pid: int, what: str = "VmHWM") -> float:
    """Megabytes of a process and its children: the peak, or `VmRSS` for now; nan where there is no /proc."""
    try:
        found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        own = int(found[1]) / 1000 if found else 0.0  # a child that has just ended has none
        return own + sum(memory(child, what) for child in _children(pid))
    except OSError:
        return math.nan


def _children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def mlflow_server(model: Path, folder: Path) -> Iterator[Server]:
    """`mlflow models serve`, as one types it, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    # It starts others by name, such as uvicorn.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=_environment({"PATH": path, "PYTHONPATH": str(ROOT)}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait(port, process)
            yield Server(process.pid, port)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < ends:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit("mlflow models serve did not start")
