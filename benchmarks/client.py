"""What the client costs beside a bare call of httpx, and what `predict_many` makes of many customers.

Both ask the same service, in turns, one call after the other. Processor time is that of this process: it
holds still where others use the machine. Ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.servers import bundle_or_stand_in, memory, server
from churn_client import AsyncChurnClient, ChurnClient, ChurnPrediction
from churn_client.testing import FakeChurnService
from churn_core.bundle import read_bundle
from churn_core.schemas import Customer, customer_class
from tests.support.faults import faulty

_OVERHEAD, _FASTER, _GROWTH = 1.25, 5.0, 1.1
_PATH = "/predict?explain=false"
_DISTANCE = 0.02  # seconds to a service elsewhere


def main(arguments: list[str]) -> int:
    """Print ratios; 1 where a budget is missed."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        bundle = options.bundle or bundle_or_stand_in(Path(stack.enter_context(TemporaryDirectory())))
        spec = read_bundle(bundle).manifest.schema_spec
        customer = customer_class(spec).parse(spec.example())
        running = stack.enter_context(server("-m", "churn_serve", "--bundle", str(bundle), "--port", "0"))
        url = f"http://127.0.0.1:{running.port}"
        kept = [
            _overhead(url, customer, options),
            asyncio.run(_async_overhead(url, customer, options)),
            _many(url, customer, options.rows),
            _together(customer),
        ]
    return 0 if all(kept) else 1


def _overhead(url: str, customer: Customer, options: argparse.Namespace) -> bool:
    body = customer.model_dump()
    with ChurnClient(url) as client, httpx.Client(base_url=url) as bare:

        def ours() -> float:
            return client.predict(customer, explain=False).churn_probability

        def theirs() -> float:
            return bare.post(_PATH, json=body).raise_for_status().json()["churn_probability"]

        assert ours() == theirs()
        rounds = [(_cost(ours, options.calls), _cost(theirs, options.calls)) for _ in range(options.rounds)]
    return _compare("predict", rounds)


async def _async_overhead(url: str, customer: Customer, options: argparse.Namespace) -> bool:
    body = customer.model_dump()
    async with AsyncChurnClient(url) as client, httpx.AsyncClient(base_url=url) as bare:

        async def ours() -> float:
            return (await client.predict(customer, explain=False)).churn_probability

        async def theirs() -> float:
            answer = await bare.post(_PATH, json=body)
            return answer.raise_for_status().json()["churn_probability"]

        assert await ours() == await theirs()
        rounds = [
            (await _async_cost(ours, options.calls), await _async_cost(theirs, options.calls))
            for _ in range(options.rounds)
        ]
    return _compare("await predict", rounds)


_Cost = tuple[float, float]  # seconds by the clock and of the processor, for one call


def _cost(call: Callable[[], Any], calls: int) -> _Cost:
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return (time.perf_counter() - wall) / calls, (time.process_time() - processor) / calls


async def _async_cost(call: Callable[[], Awaitable[Any]], calls: int) -> _Cost:
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - wall) / calls, (time.process_time() - processor) / calls


def _compare(name: str, rounds: list[tuple[_Cost, _Cost]]) -> bool:
    wall, processor = (median(ours[at] / bare[at] for ours, bare in rounds) for at in (0, 1))
    ours, bare = (median(pair[at][1] for pair in rounds) * 1e6 for at in (0, 1))
    kept = processor <= _OVERHEAD
    print(f"\n{name} beside httpx, {len(rounds)} rounds: {wall:.2f} by the clock,")
    print(
        f"  {processor:.2f} by processor time ({ours:.0f} us and {bare:.0f} us); {_verdict(kept, _OVERHEAD)}"
    )
    return kept


def _many(url: str, customer: Customer, rows: int) -> bool:
    """How fast many customers are answered, and how much memory that takes."""
    with ChurnClient(url) as client:
        alone = _cost(lambda: client.predict(customer, explain=False), 1000)[0]
        started = time.perf_counter()
        before = early = 0.0
        for done, answer in enumerate(client.predict_many(_different(customer, rows)), 1):
            assert isinstance(answer, ChurnPrediction)
            if done in (rows // 100, rows // 10):
                before, early = early, memory(os.getpid(), "VmRSS")
        seconds = time.perf_counter() - started
        late = memory(os.getpid(), "VmRSS")
    faster, growth = alone * rows / seconds, late / early
    print(f"\n{rows} customers in {seconds:.0f} s: {rows / seconds:.0f} /s, {1 / alone:.0f} /s one by one")
    print(f"  {faster:.1f} times as fast; {_verdict(faster >= _FASTER, _FASTER)}")
    print(
        f"  memory {before:.0f}, {early:.0f}, {late:.0f} MB after 1, 10 and 100 % of them, {growth:.2f} times"
    )
    print(f"  that after 10 %; {_verdict(growth <= _GROWTH, _GROWTH)}")
    return faster >= _FASTER and growth <= _GROWTH


def _together(customer: Customer) -> bool:
    """What requests at once are worth where a service is far away."""
    with faulty(FakeChurnService(type(customer)).handle) as distant:
        distant.distance = _DISTANCE
        rates: list[float] = []
        for concurrency in (1, 8):
            with ChurnClient(distant.url, batch_size=5, concurrency=concurrency) as client:
                started = time.perf_counter()
                answers = list(client.predict_many(_different(customer, 500)))
                rates.append(len(answers) / (time.perf_counter() - started))
    faster = rates[1] / rates[0]
    print(
        f"\n8 requests at once to a service {_DISTANCE * 1000:.0f} ms away: {faster:.1f} times as fast as 1"
    )
    print(f"  {_verdict(faster >= _FASTER, _FASTER)}", flush=True)
    return faster >= _FASTER


def _different(customer: Customer, rows: int) -> Iterator[Customer]:
    for number in range(rows):
        yield customer.model_copy(update={"customer_id": f"C-{number}"})


def _verdict(kept: bool, budget: float) -> str:
    return f"budget {budget:g}: {'met' if kept else 'MISSED'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks client", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--calls", type=int, default=300, help="of each of the two in each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=100_000, help="that predict_many asks about")
    return parser
