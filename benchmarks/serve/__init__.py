"""The service beside others that answer the same customer.

Beside it stand a bare FastAPI application that validates the customer and answers a constant,
`mlflow models serve` of the same model, and the kind of service that it replaces: a PyCaret pipeline
behind pandas and FastAPI. Each has one worker in a process of its own, and all are asked in turns by
the same loader, round after round: what disturbs one disturbs the others. Ratios are medians over the
rounds. Processor time for each request is told too: it holds stiller than rates where others use
the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.loader import closed_loop
from benchmarks.serve.cold import cold_ratio, unpacked
from benchmarks.serve.contestants import Contestant, Round, contestants
from benchmarks.servers import bundle_or_stand_in, processor_seconds
from churn_core.bundle import read_bundle

CONNECTIONS = 16
BARE, QUIET, FULL = range(3)


def main(arguments: list[str]) -> None:
    """Print one table, and whether budgets are met."""
    options = _parser().parse_args(arguments)
    rounds, seconds = (2, 0.5) if options.quick else (options.rounds, options.seconds)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        bundle = read_bundle(options.bundle or bundle_or_stand_in(folder / "bundle"))
        found = stack.enter_context(contestants(bundle, folder, options.few))
        for _ in range(rounds):
            for one in found:
                one.rounds.append(_round(one, seconds))
        _show(found)
    body = json.dumps(bundle.manifest.schema_spec.example()).encode()
    ours, bare, ratio = cold_ratio(bundle.folder, body, rounds)
    print(
        f"\nprocess start to first answer of a Lambda handler: {ours:.2f} s; FastAPI and Mangum {bare:.2f} s"
    )
    _judge(found)
    _verdict("cold start through the handler, of FastAPI and Mangum", ratio, 1.5)
    if options.tree:
        _verdict("unpacked, MB", unpacked(options.tree), 165)
    else:
        print("unpacked size: not given (--tree FOLDER)")


def _round(one: Contestant, seconds: float) -> Round:
    alone = asyncio.run(closed_loop(one.service.port, one.request, 1, seconds / 2))
    before, started = processor_seconds(one.service.pid), time.perf_counter()
    times = asyncio.run(closed_loop(one.service.port, one.request, CONNECTIONS, seconds))
    took = time.perf_counter() - started
    processor = (processor_seconds(one.service.pid) - before) / len(times)
    return Round(len(times) / took, processor, times, median(alone))


def _show(found: Sequence[Contestant]) -> None:
    print(f"\nPOST one customer, {CONNECTIONS} connections, {len(found[0].rounds)} rounds")
    print(
        f"{'':26} {'/s':>7} {'x bare':>7} {'CPU us':>8} {'p50 ms':>8} {'p99 ms':>8} {'alone ms':>9}", end=""
    )
    print(f" {'cold s':>7} {'MB':>5}")
    for one in found:
        times = sorted(seconds for each in one.rounds for seconds in each.times)
        p50, p99 = (times[math.ceil(part * len(times)) - 1] * 1e3 for part in (0.5, 0.99))
        rate, processor, alone = (
            median(getattr(each, name) for each in one.rounds) for name in ("rate", "processor", "alone")
        )
        against = _ratio(one, found[BARE], lambda each: each.rate)
        print(
            f"{one.name:26} {rate:7.0f} {against:7.2f} {processor * 1e6:8.0f} {p50:8.2f} {p99:8.2f}", end=""
        )
        print(f" {alone * 1e3:9.2f} {one.cold:7.2f} {one.megabytes:5.0f}", flush=True)


def _judge(found: Sequence[Contestant]) -> None:
    def rates(one: Round) -> float:
        return one.rate

    quiet = found[QUIET]
    _verdict("rate without reasons, of bare", _ratio(quiet, found[BARE], rates), 1.2, least=True)
    _verdict("rate with reasons, of bare", _ratio(found[FULL], found[BARE], rates), 0.6, least=True)
    for one in found[FULL + 1 :]:
        ratio = _ratio(quiet, one, lambda each: each.alone)
        if one.name.startswith("PyCaret"):
            _verdict(f"p50 alone without reasons, of {one.name}", ratio, 1 / 50)
        else:
            print(f"p50 alone without reasons, of {one.name}: {ratio:.3f}")


def _ratio(one: Contestant, other: Contestant, what: Callable[[Round], float]) -> float:
    return median(what(a) / what(b) for a, b in zip(one.rounds, other.rounds, strict=True))


def _verdict(name: str, found: float, budget: float, *, least: bool = False) -> None:
    met = found >= budget if least else found <= budget
    bound = ">=" if least else "<="
    print(f"{name}: {found:.3g} (budget {bound} {budget:.3g}): {'met' if met else 'MISSED'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks serve", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round, for each of them")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--few", action="store_true", help="the service and the bare application alone")
    parser.add_argument("--tree", type=Path, help="an unpacked image, to be measured")
    return parser
