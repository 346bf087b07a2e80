"""The service as a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["Running", "running", "talk"]


class Running(NamedTuple):
    """A service that answers."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(bundle: Path, log: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """A service of `bundle` that ends with the context; its log is written to a file."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    command = [sys.executable, "-m", "churn_serve", "--bundle", str(bundle), "--port", "0", *arguments]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, env={**clean, **environment}, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            found = re.search(r":(\d+)\b", process.stdout.readline() if process.stdout else "")
            assert found, log.read_text()
            yield Running(process, int(found[1]), log)
        finally:
            process.terminate()
            process.wait(30)


def talk(port: int, request: bytes, *, end: bool = False) -> bytes:
    """All that is answered to these bytes until the service hangs up.

    Args:
        end: Tell the service that nothing else will come.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read()
