"""The service beside a bare FastAPI application that validates the same customer and answers a constant.

Both run on one uvicorn worker each, in processes of their own, and are asked in turns by the same
loader, round after round: what disturbs one disturbs the other. Ratios are medians over the rounds.
Processor time for each request is told too: it holds stiller than rates where others use the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from churn_core.bundle import read_bundle
from churn_core.schemas import customer_class

ROOT = Path(__file__).resolve().parent.parent
CANDIDATE = ROOT / "models/candidate"
BUDGETS = {"/predict?explain=false": 1.2, "/predict": 0.6}


def main(arguments: list[str]) -> None:
    """Print requests per second, ratios and latencies."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        bundle = options.bundle or _bundle(Path(stack.enter_context(TemporaryDirectory())))
        manifest = read_bundle(bundle).manifest
        body = customer_class(manifest.schema_spec).parse(manifest.schema_spec.example()).model_dump_json()
        service = stack.enter_context(_process("-m", "churn_serve", "--bundle", str(bundle), "--port", "0"))
        bare = stack.enter_context(_process("-m", "benchmarks.bare", str(bundle)))
        for path, budget in BUDGETS.items():
            _compare(service, bare, path, body.encode(), options, budget)


class _Server(NamedTuple):
    pid: int
    port: int


class _Round(NamedTuple):
    """What one server did in one round; seconds of processor time are for one request."""

    rate: float
    processor: float


def _compare(
    service: _Server, bare: _Server, path: str, body: bytes, options: argparse.Namespace, budget: float
) -> None:
    ours: list[_Round] = []
    theirs: list[_Round] = []
    for _ in range(options.rounds):
        ours.append(_round(service, path, body, options))
        theirs.append(_round(bare, "/predict", body, options))
    print(f"\nPOST {path}, {options.connections} connections, {options.rounds} rounds of {options.seconds} s")
    _show("service", ours, _latency(service.port, path, body))
    _show("bare", theirs, _latency(bare.port, "/predict", body))
    ratios = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
    ratio = median(ratios)
    verdict = "met" if ratio >= budget else "MISSED"
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"  ratio   {ratio:8.2f}      ({spread}); budget {budget}: {verdict}")
    times = [other.processor / one.processor for one, other in zip(ours, theirs, strict=True)]
    print(f"  the same by processor time: {median(times):.2f}", flush=True)


def _show(name: str, rounds: list[_Round], alone: float) -> None:
    rate, processor = (median(column) for column in zip(*rounds, strict=True))
    print(f"  {name:7} {rate:8.0f} /s   processor {processor * 1e6:4.0f} us   p50 alone {alone * 1e3:.2f} ms")


def _round(server: _Server, path: str, body: bytes, options: argparse.Namespace) -> _Round:
    before = _processor_seconds(server.pid)
    answers = len(asyncio.run(_load(server.port, path, body, options.connections, options.seconds)))
    return _Round(answers / options.seconds, (_processor_seconds(server.pid) - before) / answers)


def _processor_seconds(pid: int) -> float:
    """What a process has used so far; not known (nan) where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _bundle(folder: Path) -> Path:
    if (CANDIDATE / "manifest.json").exists():
        return CANDIDATE
    from tests.support.bundles import logistic_bundle

    print("(models/candidate is missing; this is a logistic graph. `make run` makes the real one.)")
    return logistic_bundle(folder).folder


@contextmanager
def _process(*arguments: str) -> Iterator[_Server]:
    """A server in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            found = re.search(r":(\d+)\b", process.stdout.readline() if process.stdout else "")
            if not found:
                raise SystemExit(f"{' '.join(arguments)} did not start")
            yield _Server(process.pid, int(found[1]))
        finally:
            process.terminate()


class _Connection(asyncio.Protocol):
    """Sends one request after the other, as fast as they are answered."""

    def __init__(self, request: bytes, ends: float) -> None:
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._ends = ends
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark or len(body) < int(re.search(rb"content-length: (\d+)", head)[1]):  # type: ignore[index]
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        now = time.perf_counter()
        self.times.append(now - self._sent)
        self._buffer = b""
        if now < self._ends:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def _load(port: int, path: str, body: bytes, connections: int, seconds: float) -> list[float]:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    request, ends = f"{head}\r\n\r\n".encode() + body, time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    open_ = [
        loop.create_connection(lambda: _Connection(request, ends), "127.0.0.1", port)
        for _ in range(connections)
    ]
    protocols = [protocol for _, protocol in await asyncio.gather(*open_)]
    await asyncio.gather(*(protocol.done for protocol in protocols))
    return [second for protocol in protocols for second in protocol.times]


def _latency(port: int, path: str, body: bytes) -> float:
    return median(asyncio.run(_load(port, path, body, 1, 1.0)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks serve", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round, for each of the two")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
