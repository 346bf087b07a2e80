"""Minutes of load at twice the rate that the service can hold.

First the rate that it holds is found, by callers who wait for their answers. Then callers come at
random, twice as many as that in each second, and none waits for those before him. What must hold:
errors are only 429 and 503, who is accepted is answered in bounded time, and
memory stays flat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.loader import Answer, Arrivals, closed_loop, open_loop, post
from benchmarks.servers import bundle_or_stand_in, memory, server
from churn_core.bundle import read_bundle

__all__ = ["Verdict", "judge", "main", "quantile"]

SLICES = 10
LONGEST_S = 1.0  # p99 of the accepted
STEADY = 2.0  # p99 of the last third, as a multiple of the first third's
GROWTH = 0.05  # of memory after the first third, as a part of it
ERRORS = frozenset({429, 503})


class Verdict(NamedTuple):
    """Whether a promise holds."""

    promise: str
    kept: bool


def main(arguments: list[str]) -> int:
    """Print what happened over time, and what holds; 1 where something does not."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        bundle = options.bundle or bundle_or_stand_in(folder)
        service = stack.enter_context(server("-m", "churn_serve", "--bundle", str(bundle), "--port", "0"))
        request = post(options.path, json.dumps(read_bundle(bundle).manifest.schema_spec.example()).encode())
        closed = [asyncio.run(closed_loop(service.port, request, 16, options.warm_up)) for _ in range(3)]
        rate = options.times * max(map(len, closed)) / options.warm_up
        print(
            f"holds {rate / options.times:.0f} /s; offered {rate:.0f} /s for {options.seconds:.0f} s",
            flush=True,
        )
        found, megabytes = asyncio.run(_offer(service.pid, service.port, request, rate, options.seconds))
    _show(found, megabytes, options.seconds)
    print(f"{found.unsent} more found all connections waiting")
    verdicts = judge(found, megabytes, options.seconds)
    for verdict in verdicts:
        print(f"{verdict.promise}: {'kept' if verdict.kept else 'BROKEN'}")
    return int(not all(verdict.kept for verdict in verdicts))


async def _offer(
    pid: int, port: int, request: bytes, rate: float, seconds: float
) -> tuple[Arrivals, list[float]]:
    """What became of the callers, and the memory of the service at the end of each slice."""
    megabytes: list[float] = []

    async def watch() -> None:
        started = time.perf_counter()
        for number in range(SLICES):
            await asyncio.sleep(max(0.0, started + (number + 1) * seconds / SLICES - time.perf_counter()))
            megabytes.append(memory(pid, "VmRSS"))

    found, _ = await asyncio.gather(open_loop(port, request, rate, seconds), watch())
    return found, megabytes


def judge(found: Arrivals, megabytes: Sequence[float], seconds: float) -> list[Verdict]:
    """Whether the service kept what it promises under load."""
    statuses = Counter(answer.status for answer in found.answers)
    others = sorted(set(statuses) - ERRORS - {200})
    accepted = [answer for answer in found.answers if answer.status == 200]
    first = quantile([one for one in accepted if one.at < seconds / 3])
    last = quantile([one for one in accepted if one.at >= seconds * 2 / 3])
    early, late = megabytes[len(megabytes) // 3], megabytes[-1]
    return [
        Verdict(f"errors are 429 and 503 only (others: {others or 'none'})", not others),
        Verdict(f"p99 of the accepted is at most {LONGEST_S:g} s ({last:.3f} s)", last <= LONGEST_S),
        Verdict(f"it does not grow ({last / first:.2f} of the first third's)", last <= STEADY * first),
        Verdict(f"memory is flat ({late - early:+.1f} MB after a third)", late - early <= GROWTH * early),
    ]


def quantile(answers: Sequence[Answer], part: float = 0.99) -> float:
    """Of the seconds that answers took; nan without any."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else math.nan


def _show(found: Arrivals, megabytes: Sequence[float], seconds: float) -> None:
    print("  second     came      200      429      503    other    p50 ms    p99 ms     MB")
    width = seconds / SLICES
    for number, size in enumerate(megabytes):
        within = [one for one in found.answers if number * width <= one.at < (number + 1) * width]
        statuses = Counter(one.status for one in within)
        accepted = [one for one in within if one.status == 200]
        other = len(within) - statuses[200] - statuses[429] - statuses[503]
        counts = f"{len(within):8} {statuses[200]:8} {statuses[429]:8} {statuses[503]:8} {other:8}"
        times = f"{quantile(accepted, 0.5) * 1e3:9.1f} {quantile(accepted) * 1e3:9.1f}"
        print(f"{(number + 1) * width:8.0f} {counts} {times} {size:6.1f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--path", default="/predict")
    parser.add_argument("--times", type=float, default=2.0, help="the rate that it holds")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument(
        "--warm-up", type=float, default=3.0, help="of each of three measurements of that rate"
    )
    return parser
