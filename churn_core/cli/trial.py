"""One question to a service that is started for it and stopped again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from churn_core.cli.stages import ended
from churn_core.errors import StageError
from churn_core.schemas import ChurnPrediction, Customer

__all__ = ["ask_once", "service"]

_ADDRESS = re.compile(r"http://\S+")
# The user's own service may ask for keys and be behind a proxy; this one is for this machine alone.
_NOT_FOR_US = ("CHURN_API_KEY_HASHES", "CHURN_AUTH")


def ask_once(ref: str, customer: Customer, root: Path = Path()) -> ChurnPrediction:
    """Serve the bundle `ref` on a free port of this machine and ask `predict_churn` about a customer.

    Raises:
        StageError: The service does not start; the message says why.
    """
    from churn_client import predict_churn

    with service(ref, root) as address, _environment(CHURN_API_URL=address):
        return predict_churn(customer)


@contextmanager
def service(ref: str, root: Path = Path()) -> Iterator[str]:
    """Serve a bundle in a process of its own while the block runs; gives its address.

    Raises:
        StageError: It does not start.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_US}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(  # noqa: S603 - this interpreter's own service
            [sys.executable, "-m", "churn_serve", "--bundle", ref, "--port", "0"],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with ended(process):
            yield _address(process, log)


def _address(process: subprocess.Popen[str], log: IO[str]) -> str:
    for line in process.stdout or ():
        if found := _ADDRESS.search(line):
            return found[0]
    process.wait()
    log.seek(0)
    last = (log.read().strip().splitlines() or ["it said nothing"])[-1]
    raise StageError(f"the service did not start: {last.removeprefix('error: ')}")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
