"""Model quality as the product gives it: prepare, train, evaluate, for one split seed after another.

The hold-out of each seed is seen once, by the evaluation of the finished bundle.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

from churn_core.params import read_params
from churn_core.train import run
from churn_core.train.evaluation import evaluate
from churn_core.train.fetch import fetch
from churn_core.train.prepare import prepare

ROOT = Path(__file__).resolve().parent.parent
METRICS = ("roc_auc", "pr_auc", "log_loss", "brier", "calibration_slope")


def main(arguments: list[str]) -> None:
    """Print each seed's hold-out metrics, and their means with standard errors."""
    options = _parser().parse_args(arguments)
    jobs: list[tuple[str, list[str]]] = [("ibm-telco", [])]
    if options.telcovision:
        path = options.telcovision.resolve()
        settings = ["schema=telcovision", "dataset.name=csv", f"dataset.options.path={path}"]
        jobs.append(("telcovision", settings))
    else:
        print("(telcovision left out: name its file with --telcovision)")
    for name, settings in jobs:
        print(f"\n{name:14} " + " ".join(f"{metric:>17}" for metric in METRICS) + "  seconds")
        rows = list(_seeds(options.seeds, [*settings, *options.overrides]))
        columns = list(zip(*rows, strict=True))
        print(_line("mean", [fmean(column) for column in columns]))
        if len(rows) > 1:
            # Of the splits that were drawn: they share customers, so it says little of other customers.
            print(
                _line("standard error", [stdev(column) / len(rows) ** 0.5 for column in columns]), flush=True
            )


def _seeds(count: int, overrides: list[str]) -> Iterator[list[float]]:
    for seed in range(count):
        row = _measure([*overrides, f"split.seed={seed}"])
        print(_line(f"split seed {seed}", row), flush=True)
        yield row


def _measure(overrides: list[str]) -> list[float]:
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        params = read_params(ROOT / "params.yaml", overrides)
        fetch(params, root)
        prepare(params, root)
        run(params, root)
        numbers = evaluate(params, root).numbers.metrics
    return [*(numbers[metric]["value"] for metric in METRICS), time.perf_counter() - started]


def _line(title: str, row: list[float]) -> str:
    *metrics, seconds = row
    return f"{title:14} " + " ".join(f"{value:17.4f}" for value in metrics) + f"  {seconds:7.0f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks quality", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="split seeds 0 to N-1")
    parser.add_argument("--telcovision", type=Path, metavar="CSV", help="the TelcoVision file")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    return parser
