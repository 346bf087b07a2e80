"""Thousands of calls over a network that fails in all its ways, and a full outage.

Every call has to end with the right answer or an error that has a type, not later than 100 ms after its
deadline, and leave no connection or task behind; an outage must not be amplified by more than 1.2.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from churn_client import ChurnClient, IbmTelcoCustomer, ServiceFailed
from tests.support.faults import FaultyServer, status
from tests.support.ordeal import Ordeal, in_tasks, in_threads, typical_server

_LATE, _AMPLIFIED = 0.1, 1.2


def main(arguments: list[str]) -> int:
    """Print what came of the calls; 1 where the client did not keep its word."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--calls", type=int, default=4000, help="in threads, and as many in tasks")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}")
    kept = [
        _ordeal("threads", in_threads, options.calls, options.seed),
        _ordeal("tasks", in_tasks, options.calls, options.seed),
        _outage(options.calls),
    ]
    return 0 if all(kept) else 1


def _ordeal(name: str, run: object, calls: int, seed: int) -> bool:
    with typical_server() as server:
        ordeal: Ordeal = run(server, calls, seed)  # type: ignore[operator]
    kept = not ordeal.wrong and ordeal.late <= _LATE and not ordeal.left
    print(f"\n{calls} calls in {name}: {len(ordeal.wrong)} wrong, {ordeal.left} left open,")
    print(f"  the slowest {ordeal.late * 1000:+.0f} ms after its deadline: {'kept' if kept else 'BROKEN'}")
    for kind, count in ordeal.ends.most_common():
        print(f"  {count:6} {kind}")
    return kept


def _outage(calls: int) -> bool:
    with typical_server() as server:
        server.plan = lambda: status(503)
        _ask(server, calls)
        factor = len(server.requests) / calls
    kept = factor <= _AMPLIFIED
    print(
        f"\n{calls} calls in an outage: {factor:.3f} requests each: {'kept' if kept else 'BROKEN'}",
        flush=True,
    )
    return kept


def _ask(server: FaultyServer, calls: int) -> None:
    customer = IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example())

    def ask(_: int) -> None:
        with suppress(ServiceFailed):
            client.predict(customer)

    with ChurnClient(server.url) as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(calls)))
