"""Two ways to train, compared by repeated cross-validation on training rows; hold-outs are never read.

For every split seed, repeat and fold, each side chooses, tunes, blends and calibrates on four fifths of the
training rows and is judged on the rest, both on the same. Two standard errors of the paired difference are
given: that of the runs says how other draws of these customers would come out; the corrected one (Nadeau
and Bengio 2003) allows for folds that share training rows, and speaks of other customers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn_core import registry
from churn_core.errors import ParamsError
from churn_core.features import Encoder, derived_features, read_columns
from churn_core.gate.metrics import METRICS
from churn_core.params import Params, read_params
from churn_core.protocols import TrainingData
from churn_core.train.blend import blend, blended_log_odds, to_log_odds
from churn_core.train.calibrate import calibrate, calibrated
from churn_core.train.fetch import fetch
from churn_core.train.folds import stratified_folds
from churn_core.train.models import MODELS
from churn_core.train.prepare import prepare
from churn_core.train.prepared import Part, load_prepared
from churn_core.train.training import Silent

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("log_loss", "roc_auc", "brier")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """One way to train.

    Attributes:
        settings: What models start from where it is not what `churn_core.train.models` says.
        dropped: Columns of the matrix that are left out.
    """

    params: Params
    settings: dict[str, dict[str, Any]]
    dropped: frozenset[str]


def main(arguments: list[str]) -> None:
    """Print both sides and their paired difference."""
    options = _parser().parse_intermixed_args(arguments)
    sides = [
        _side(options.a, [*options.overrides, *options.set_a], options.model_a, options.drop_a),
        _side(options.b or options.a, [*options.overrides, *options.set_b], options.model_b, options.drop_b),
    ]
    if sides[0] == sides[1]:
        print("(nothing to compare: name a second file, or what is to differ, see --help)")
        return
    if len({(s.params.schema_name, str(s.params.dataset), str(s.params.split)) for s in sides}) > 1:
        raise ParamsError("schema, dataset and split must be the same on both sides")
    with threadpool_limits(1):
        found = np.array([run for seed in range(options.seeds) for run in _runs(sides, seed, options)])
    _print(found)


def _side(path: Path, overrides: Sequence[str], settings: Sequence[str], dropped: Sequence[str]) -> Side:
    params = read_params(path, overrides)
    changes: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        model, _, name = key.partition(".")
        if name not in MODELS.get(model, MODELS["lr"]).settings or model not in MODELS:
            raise ParamsError(f"there is no setting {key!r} of a model")
        changes.setdefault(model, {})[name] = yaml.safe_load(value)
    if changes and params.train.trainer != "native":
        raise ParamsError("settings of models can be changed for train.trainer=native alone")
    return Side(params, changes, frozenset(dropped))


def _runs(sides: Sequence[Side], seed: int, options: argparse.Namespace) -> Iterator[Floats]:
    """For each repeat the metrics on the training rows of one split, `[folds, sides, metrics]`."""
    params = sides[0].params
    spec = registry.get("schemas", params.schema_name).spec
    with TemporaryDirectory() as folder:
        split = params.model_copy(update={"split": params.split.model_copy(update={"seed": seed})})
        fetch(split, Path(folder))
        prepare(split, Path(folder))
        train = load_prepared(Path(folder), spec, split).train
    inputs = [_matrix(side, train, spec) for side in sides]
    for repeat in range(options.repeats):
        fold = stratified_folds(train.labels, options.folds, repeat)
        tests = [fold == k for k in range(options.folds)]
        pairs = list(zip(sides, inputs, strict=True))
        yield np.array(
            [[_judged(side, *given, train.labels, test) for side, given in pairs] for test in tests]
        )
        print(f"split seed {seed}, repeat {repeat} done", flush=True)


def _matrix(side: Side, train: Part, spec: Any) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    encoder = Encoder(spec, derived_features(side.params.features.derived))
    if unknown := side.dropped - set(encoder.names):
        raise ParamsError(f"there is no column {min(unknown)!r}; there are {', '.join(encoder.names)}")
    kept = [place for place, name in enumerate(encoder.names) if name not in side.dropped]
    matrix = encoder.encode(read_columns(spec, train.table).raw)
    return np.ascontiguousarray(matrix[:, kept]), tuple(encoder.names[place] for place in kept)


def _judged(
    side: Side,
    matrix: NDArray[np.float32],
    names: tuple[str, ...],
    labels: NDArray[np.int64],
    test: NDArray[np.bool_],
) -> list[float]:
    params = side.params.train
    fold = stratified_folds(labels[~test], params.folds, params.seed)
    data = TrainingData(matrix[~test], labels[~test], fold, names, params.seed)
    with _starting_from(side.settings):
        members = registry.get("trainers", params.trainer)().train(data, params, Silent()).members
    odds = blend([to_log_odds(one.out_of_fold) for one in members], [one.weight for one in members])
    calibration = calibrate(params.calibration, odds, data.labels, data.seed)
    p = calibrated(calibration, blended_log_odds(members, matrix[test]))
    return [METRICS[metric](labels[test], p) for metric in SHOWN]


@contextmanager
def _starting_from(settings: dict[str, dict[str, Any]]) -> Iterator[None]:
    before = dict(MODELS)
    for name, changes in settings.items():
        MODELS[name] = replace(MODELS[name], settings={**MODELS[name].settings, **changes})
    try:
        yield
    finally:
        MODELS.update(before)


def _print(found: Floats) -> None:
    """The table, from metrics `[runs, folds, sides, metrics]`."""
    runs, folds = found.shape[:2]
    each = found[:, :, 1] - found[:, :, 0]
    own = each.mean(axis=1)
    # A single run has no spread, which is said by nan.
    errors = own.std(axis=0, ddof=1) / np.sqrt(runs) if runs > 1 else np.full(len(SHOWN), np.nan)
    corrected = each.reshape(-1, len(SHOWN)).std(axis=0, ddof=1) * np.sqrt(
        1 / each[..., 0].size + 1 / (folds - 1)
    )
    print(f"\n{'':9}{'A':>9}{'B':>9}{'B - A':>10}{'s.e. runs':>11}{'corrected':>11}  B better in")
    for place, metric in enumerate(SHOWN):
        a, b = found[..., place].mean(axis=(0, 1))
        better = int(((own[:, place] > 0) if metric == "roc_auc" else (own[:, place] < 0)).sum())
        print(
            f"{metric:9}{a:9.5f}{b:9.5f}{b - a:+10.5f}{errors[place]:11.5f}{corrected[place]:11.5f}"
            f"  {better} of {runs} runs"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks compare", description=__doc__)
    parser.add_argument("a", nargs="?", type=Path, metavar="A.yaml", default=ROOT / "params.yaml")
    parser.add_argument("b", nargs="?", type=Path, metavar="B.yaml", help="A.yaml, if it is not named")
    parser.add_argument("--seeds", type=int, default=5, help="split seeds 0 to N-1")
    parser.add_argument("--repeats", type=int, default=2, help="shuffles of each split's training rows")
    parser.add_argument("--folds", type=int, default=5, help="folds that judge; train.folds choose and tune")
    shared = {"action": "append", "default": []}
    parser.add_argument(
        "--set", dest="overrides", metavar="SECTION.KEY=VALUE", help="for both sides", **shared
    )
    for side in "ab":
        parser.add_argument(f"--set-{side}", metavar="SECTION.KEY=VALUE", **shared)
        parser.add_argument(f"--model-{side}", metavar="MODEL.SETTING=VALUE", **shared)
        parser.add_argument(f"--drop-{side}", metavar="COLUMN", **shared)
    return parser
