"""Data sets that nothing was tuned on, with nothing but a schema written for them, beside AutoML libraries.

All see the same training rows of repeated hold-out splits, each with one thread; seconds are those of
the processor. A difference is taken split by split; its interval is that of the corrected resampled
t-test (Nadeau and Bengio 2003), since training rows of different splits overlap. Libraries, and packages
that ship data, are used where they are installed: `--python` names the interpreter of the libraries.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import t as student

from benchmarks.unseen.data import DATASETS, UnseenData, announce_schemas
from benchmarks.unseen.reference import LIBRARIES
from churn_core import registry
from churn_core.bundle import Scorer
from churn_core.features import read_columns
from churn_core.gate.metrics import METRICS
from churn_core.params import Params, read_params
from churn_core.train import run
from churn_core.train.fetch import fetch
from churn_core.train.prepare import prepare
from churn_core.train.prepared import Part, load_prepared

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINERS = ("pycaret", "native")
SHOWN = ("roc_auc", "log_loss", "brier")
NOT_INSTALLED = 3
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Result = dict[str, Any]


def main(arguments: list[str]) -> None:
    """Print what each contender reaches on hold-outs, and how far ours is from the others."""
    options = _parser().parse_args(arguments)
    known = _read(options.results)
    with TemporaryDirectory() as folder:
        announce_schemas(Path(folder))
        for data in DATASETS:
            if options.only and data.schema != options.only:
                continue
            if not data.installed:
                print(f"\n{data.schema}: left out, the package {data.package} is not installed")
                continue
            print(f"\n{data.schema}, {options.splits} splits", flush=True)
            results = list(_results(data, options, known))
            if results:
                _print(results, options.holdout)


def _results(data: UnseenData, options: argparse.Namespace, known: list[Result]) -> Iterator[Result]:
    missing: set[str] = set()
    for seed in range(options.splits):
        for name in options.contenders.split(","):
            if name in missing:
                continue
            wanted = {"data": data.schema, "seed": seed, "name": name}
            found = next((one for one in known if wanted.items() <= one.items()), None)
            numbers = found or _measure(data, name, seed, options)
            if numbers is None:
                print(f"{data.schema}: {name} left out, it is not installed in {options.python}")
                missing.add(name)
                continue
            result = {**wanted, **numbers}
            if not found and options.results:
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
            yield result


def _measure(data: UnseenData, name: str, seed: int, options: argparse.Namespace) -> Result | None:
    """Metrics on the hold-out of one split, and seconds of the fit; none if the library is missing."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        data.write(root / "customers.csv")
        settings = [f"schema={data.schema}", "dataset.name=csv", "dataset.options.path=customers.csv"]
        settings += [f"split.seed={seed}", f"split.holdout={options.holdout}"]
        if name in TRAINERS:
            settings.append(f"train.trainer={name}")
        params = read_params(ROOT / "params.yaml", [*settings, *options.overrides])
        fetch(params, root)
        prepare(params, root)
        prepared = load_prepared(root, registry.get("schemas", data.schema).spec, params)
        started = _processor_seconds()
        if name in TRAINERS:
            p = _ours(params, root, prepared.holdout)
        else:
            p = _reference(name, prepared.train, prepared.holdout, root, options)
        if p is None:
            return None
        seconds = _processor_seconds() - started
        labels = prepared.holdout.labels
        return {**{metric: METRICS[metric](labels, p) for metric in SHOWN}, "seconds": seconds}


def _processor_seconds() -> float:
    """Of this process and those it has started: on a busy machine the only fair measure."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def _ours(params: Params, root: Path, holdout: Part) -> NDArray[np.float64]:
    """Answers of the bundle, as they would be served."""
    scorer = Scorer(run(params, root))
    raw = read_columns(scorer.bundle.schema_spec, holdout.table).raw
    return scorer.probabilities(raw).astype(np.float64)


def _reference(
    name: str, train: Part, holdout: Part, root: Path, options: argparse.Namespace
) -> NDArray[np.float64] | None:
    """Answers of an AutoML library in its own interpreter; none if that lacks it."""
    fields = train.table.drop_columns(["customer_id"])
    pq.write_table(fields.append_column("label", pa.array(train.labels)), root / "train.parquet")
    pq.write_table(holdout.table.drop_columns(["customer_id"]), root / "holdout.parquet")
    script = Path(__file__).with_name("reference.py")
    command = [options.python, str(script), name, str(root), str(options.seconds)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == NOT_INSTALLED:
        return None
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stderr.strip()[-2000:]}")
    return np.load(root / "holdout.npy").astype(np.float64)


def _print(results: list[Result], holdout: float) -> None:
    names = list(dict.fromkeys(one["name"] for one in results))
    for name in names:
        own = {key: _column(results, name, key) for key in (*SHOWN, "seconds")}
        cells = [f"{metric} {own[metric].mean():.4f} ± {_error(own[metric]):.4f}" for metric in SHOWN]
        print(f"{name:10} " + "   ".join(cells) + f"   {np.median(own['seconds']):4.0f} s")
    for ours in (name for name in names if name in TRAINERS):
        for other in (name for name in names if name not in TRAINERS):
            for metric in SHOWN:
                each = _column(results, ours, metric) - _column(results, other, metric)
                low, mean, high = _difference(each, holdout)
                verdict = _verdict(metric, low, high)
                print(f"{ours} - {other}: {metric} {mean:+.4f} ({low:+.4f} to {high:+.4f}) {verdict}")


def _column(results: list[Result], name: str, key: str) -> NDArray[np.float64]:
    """One number of a contender, split by split."""
    return np.array([one[key] for one in results if one["name"] == name])


def _error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _difference(each: NDArray[np.float64], holdout: float) -> tuple[float, float, float]:
    """Mean and 95 % interval of a difference on splits whose training rows overlap."""
    spread = each.std(ddof=1) * np.sqrt(1 / len(each) + holdout / (1 - holdout))
    reach = float(student.ppf(0.975, len(each) - 1) * spread)
    return float(each.mean()) - reach, float(each.mean()), float(each.mean()) + reach


def _verdict(metric: str, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "no difference that can be told"
    return "better" if (low > 0) == (metric == "roc_auc") else "WORSE"


def _read(path: Path | None) -> list[Result]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks unseen", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--splits", type=int, default=10, help="split seeds 0 to N-1")
    parser.add_argument("--holdout", type=float, default=0.2)
    parser.add_argument("--only", metavar="SCHEMA", help="one of the data sets")
    parser.add_argument("--contenders", default=",".join([*TRAINERS, *LIBRARIES]))
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter that has the AutoML libraries"
    )
    parser.add_argument("--seconds", type=float, default=60, help="what each AutoML library may take")
    parser.add_argument("--results", type=Path, metavar="JSONL", help="kept here, and not measured again")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    return parser
