"""What reasons cost and how exact they are, on customers of the hold-out.

Beside them stand two ways that need nothing but the model: sampling, which bundles without
tables fall back on, and occlusion, which asks what changes when one field is made typical. All
are asked in turns, round after round. The yardstick of exactness is sampling too, with every
customer against hundreds of training customers, which takes a second each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Scorer, read_bundle, write_bundle
from churn_core.bundle.sampling import SampledShares
from churn_core.features import RawTable, read_columns
from churn_core.params import read_params
from churn_core.train import run
from churn_core.train.fetch import fetch
from churn_core.train.prepare import prepare
from churn_core.train.prepared import load_prepared

ROOT = Path(__file__).resolve().parent.parent
BUDGET = 150  # microseconds for the reasons of one customer


def main(arguments: list[str]) -> None:
    """Print times, sizes and errors."""
    options = _parser().parse_args(arguments)
    params = read_params(ROOT / "params.yaml", ["train.trainer=native", *options.overrides])
    with TemporaryDirectory() as folder:
        root = Path(folder)
        fetch(params, root)
        prepare(params, root)
        started = time.perf_counter()
        bundle = run(params, root)
        took = time.perf_counter() - started
        scorer = Scorer(read_bundle(bundle.folder))
        bare = bundle.manifest.model_copy(update={"reasons": None})
        asking = Scorer(write_bundle(root / "bare", bare, bundle.graph))
        prepared = load_prepared(root, scorer.bundle.schema_spec, params)
        train, holdout = (
            read_columns(scorer.bundle.schema_spec, table).raw
            for table in (prepared.train.table, prepared.holdout_features)
        )
    about = bundle.manifest.reasons
    members = " + ".join(member.name for member in bundle.manifest.members)
    print(f"\n{members}, trained in {took:.0f} s; {about}")
    print(f"model.onnx {len(bundle.graph) / 1e3:.0f} kB, reasons.onnx {len(bundle.reasons) / 1e3:.0f} kB")
    _times(scorer, asking, holdout, options.rounds)
    _errors(scorer, asking, train, holdout, options)


def _times(scorer: Scorer, asking: Scorer, holdout: RawTable, rounds: int) -> None:
    person = scorer.customer_class.parse(scorer.bundle.schema_spec.example())
    one = RawTable(holdout.spec, holdout.values[:1])
    ways: dict[str, Callable[[], object]] = {
        "answer without reasons": lambda: scorer.predict(person, explain=False),
        "answer with reasons": lambda: scorer.predict(person),
        "  by sampling": lambda: asking.predict(person),
        "  by occlusion": lambda: (scorer.predict(person, explain=False), _occlusion(scorer, one)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(_seconds(way) * 1e6)
    plain = taken["answer without reasons"]
    for name, each in taken.items():
        ratio = median(a / b for a, b in zip(each, plain, strict=True))
        print(f"{name:24} {median(each):8.0f} us  {ratio:6.2f} x")
    extra = median(a - b for a, b in zip(taken["answer with reasons"], plain, strict=True))
    verdict = "met" if extra <= BUDGET else "MISSED"
    print(f"reasons alone            {extra:8.0f} us; budget {BUDGET}: {verdict}")
    group = [person] * 8
    each = [
        _seconds(lambda why=why: scorer.predict_many(group, explain=why)) / 8 * 1e6 for why in (False, True)
    ]
    print(f"of eight asked together, each: answer {each[0]:.0f} us, with reasons {each[1]:.0f} us")
    score = _seconds(lambda: scorer.probabilities(holdout), 3) / len(holdout) * 1e6
    share = _seconds(lambda: scorer.shares(holdout), 3) / len(holdout) * 1e6
    print(f"in bulk, each customer: score {score:.1f} us, score and shares {share:.1f} us")


def _errors(
    scorer: Scorer, asking: Scorer, train: RawTable, holdout: RawTable, options: argparse.Namespace
) -> None:
    rng = np.random.default_rng(0)
    some = RawTable(holdout.spec, holdout.values[rng.choice(len(holdout), options.customers, replace=False)])
    others = train.values[rng.choice(len(train), options.draws, replace=False)]
    yardstick = SampledShares(train.spec, others, scorer.probabilities)
    exact = yardstick(some, np.empty((0, 0), dtype=np.float32))
    ways = {"tables": scorer.shares(some), "sampling": asking.shares(some)}
    ways["occlusion"] = np.array([_occlusion(scorer, RawTable(some.spec, row[None])) for row in some.values])
    print("in log-odds, root mean square; the second without a constant for each field, since who is average")
    print(f"differs a little from way to way:\n  shares     {_rms(exact):.4f}")
    for name, shares in ways.items():
        off = shares - exact
        print(f"  {name:10} differ by {_rms(off):.4f}, {_rms(off - off.mean(axis=0)):.4f}")


def _occlusion(scorer: Scorer, one: RawTable) -> NDArray[np.float64]:
    """What changes in log-odds when each field in turn takes its typical value."""
    typical = [
        float(field.values.index(str(record.typical)) if field.values else record.typical)
        for field, record in zip(one.spec.fields, scorer.bundle.reference, strict=True)
    ]
    rows = np.repeat(one.values, len(typical) + 1, axis=0)
    rows[np.arange(len(typical)), np.arange(len(typical))] = typical
    p = scorer.probabilities(RawTable(one.spec, rows)).astype(np.float64)
    odds = np.log(p) - np.log1p(-p)
    return odds[-1] - odds[:-1]


def _seconds(way: Callable[[], object], times: int = 50) -> float:
    """Processor time: it holds still where others use the machine. Everything here runs on one thread."""
    way()
    started = time.process_time()
    for _ in range(times):
        way()
    return (time.process_time() - started) / times


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reasons", description=__doc__)
    parser.add_argument("--customers", type=int, default=40, help="whose shares are compared")
    parser.add_argument("--draws", type=int, default=1000, help="training customers for each of them")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    return parser
