"""Do intervals hold the churn rate of customers who score alike as often as they say?

Every split draws or divides customers anew, trains in the real order (fold scores, calibration,
bounds, final model) and asks about customers that no fit has seen, in twentieths by score:

- drawn: customers and outcomes from the known law of the TelcoVision data;
- redrawn: real customers, whose outcomes are drawn from known probabilities;
- real: real customers and outcomes, whose true rates nobody knows.

A twentieth's rate is known up to its own noise: none to speak of where customers are drawn, that of
a mean of known probabilities where outcomes are, that of outcomes where all is real. It is allowed
for as in `churn_core.train.evaluation.sureness`, so that the stated coverage is what to expect
throughout.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn_core import registry
from churn_core.features import Encoder, RawTable, derived_features, read_columns
from churn_core.params import Params, TrainParams, read_params
from churn_core.protocols import TrainingData
from churn_core.train.band import fit_band
from churn_core.train.blend import blend, blended_log_odds, log_odds, probabilities, to_log_odds
from churn_core.train.calibrate import calibrate, calibrated_odds
from churn_core.train.candidates import fit
from churn_core.train.evaluation.sureness import GROUPS, agrees, score_groups
from churn_core.train.fetch import fetch
from churn_core.train.folds import stratified_folds
from churn_core.train.prepare import prepare
from churn_core.train.prepared import load_prepared
from churn_core.train.steadiness import spread_of_fits
from churn_core.train.synth.laws import TelcoVisionLaw
from churn_core.train.trainers.native import NativeTrainer
from churn_core.train.training import Silent

ROOT = Path(__file__).resolve().parent.parent
COVERAGES = (0.8, 0.9, 0.95)
LEVELS = ("LOW", "MEDIUM", "HIGH")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """Customers to train on and customers to ask about; `truth` where their chances are known."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    new: NDArray[np.float32]
    new_labels: NDArray[np.int64]
    truth: Floats | None


@dataclass(frozen=True)
class Base:
    """A data set: its customers, their outcomes, and made-up chances that are like those of life."""

    encoder: Encoder
    values: Floats
    labels: NDArray[np.int64]
    params: Params

    def drawn(self, seed: int) -> Split:
        rng = np.random.default_rng(seed)
        rows = 8000
        columns = TelcoVisionLaw().draw(rng, rows + 20_000).columns
        values = np.column_stack([columns[name] for name in self.encoder.spec.names]).astype(np.float64)
        return self._split(values, _law(self.encoder, values), rng, rows, True)

    def redrawn(self, chances: Floats) -> Callable[[int], Split]:
        return lambda seed: self._divided(seed, chances, True)

    def real(self, seed: int) -> Split:
        return self._divided(seed, self.labels.astype(np.float64), False)

    def _divided(self, seed: int, chances: Floats, known: bool) -> Split:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.labels))
        return self._split(self.values[order], chances[order], rng, round(0.8 * len(order)), known)

    def _split(
        self, values: Floats, chances: Floats, rng: np.random.Generator, rows: int, known: bool
    ) -> Split:
        matrix = self.encoder.encode(RawTable(self.encoder.spec, values))
        labels = (rng.random(len(chances)) < chances).astype(np.int64)
        return Split(
            matrix[:rows], labels[:rows], matrix[rows:], labels[rows:], chances[rows:] if known else None
        )


def main(arguments: list[str]) -> None:
    """Print a table: the share of twentieths whose rate their interval holds."""
    options = _parser().parse_args(arguments)
    worlds: dict[str, tuple[Callable[[int], Split], Params]] = {}
    ibm = _base([])
    worlds["ibm-telco, redrawn"] = ibm.redrawn(_fitted_chances(ibm)), ibm.params
    worlds["ibm-telco, real"] = ibm.real, ibm.params
    if options.telcovision:
        path = options.telcovision.resolve()
        own = _base(["schema=telcovision", "dataset.name=csv", f"dataset.options.path={path}"])
        worlds["telcovision, drawn"] = own.drawn, own.params
        worlds["telcovision, redrawn"] = own.redrawn(_law(own.encoder, own.values)), own.params
        worlds["telcovision, real"] = own.real, own.params
    else:
        print("(telcovision left out: name its file with --telcovision)")
    print(f"\n{'':34} {'stated':^20} {'at 90 %: width, and share that holds, by risk':^48}")
    print(
        f"{'':34} "
        + "".join(f"{c:7.0%}" for c in COVERAGES)
        + f"{'all':>10}"
        + "".join(f"{x:>14}" for x in LEVELS)
    )
    for name, (draw, params) in worlds.items():
        if options.world in name:
            for models in options.models:
                train = params.train.model_copy(update={"models": tuple(models.split("+")), "tune": 0})
                _report(f"{name}, {models}", draw, train, options.splits)


def _report(title: str, draw: Callable[[int], Split], train: TrainParams, splits: int) -> None:
    with threadpool_limits(1):
        found = np.array([_held(draw(seed), train) for seed in range(splits)])
    holds, widths, level = found[..., 0], found[..., 1], found[:, 1, :, 2]
    means = holds.mean(axis=(0, 2))
    error = holds[:, 1].mean(axis=1).std(ddof=1) / np.sqrt(splits) if splits > 1 else np.nan
    cells = []
    for number in range(len(LEVELS)):
        own = level == number
        cells.append(
            f"{widths[:, 1][own].mean():7.3f} {holds[:, 1][own].mean():5.1%}" if own.any() else f"{'-':>13}"
        )
    print(
        f"{title:34} "
        + "".join(f"{mean:7.1%}" for mean in means)
        + f" ±{error:.1%}{widths[:, 1].mean():8.3f}",
        *cells,
        flush=True,
    )


def _held(split: Split, train: TrainParams) -> Floats:
    """For each coverage and twentieth: whether it holds, width, level; `[coverages, twentieths, 3]`."""
    fold = stratified_folds(split.labels, train.folds, train.seed)
    names = tuple(map(str, range(split.matrix.shape[1])))
    data = TrainingData(split.matrix, split.labels, fold, names, train.seed)
    members = NativeTrainer().train(data, train, Silent()).members
    odds = blend([to_log_odds(m.out_of_fold) for m in members], [m.weight for m in members])
    calibration = calibrate(train.calibration, odds, data.labels, data.seed)
    spread = spread_of_fits(members, calibration, odds, data)
    asked = probabilities(calibrated_odds(calibration, blended_log_odds(members, split.new)))
    return np.array([_groups(split, asked, calibrated_odds(calibration, odds), c, spread) for c in COVERAGES])


def _groups(
    split: Split, asked: Floats, odds: Floats, coverage: float, spread: float
) -> list[tuple[float, ...]]:
    band = fit_band(odds, split.labels, coverage, spread)
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    rows: list[tuple[float, ...]] = []
    for group in score_groups(split.new_labels, asked, band, GROUPS):
        holds = group.agrees
        if split.truth is not None:
            truth = split.truth[group.rows]
            rate, noise = truth.mean(), z * np.std(truth - asked[group.rows]) / np.sqrt(len(truth))
            holds = agrees((group.low, group.high), (rate, rate - noise, rate + noise))
        level = int(group.probability >= 0.3) + int(group.probability >= 0.6)
        rows.append((holds, group.high - group.low, level))
    return rows


def _base(overrides: Sequence[str]) -> Base:
    params = read_params(ROOT / "params.yaml", [*overrides, "train.trainer=native"])
    spec = registry.get("schemas", params.schema_name).spec
    with TemporaryDirectory() as folder:
        root = Path(folder)
        fetch(params, root)
        prepare(params, root)
        prepared = load_prepared(root, spec, params)
        parts = [prepared.train, prepared.holdout]
        values = np.concatenate([read_columns(spec, table).raw.values for table, _ in parts])
        labels = np.concatenate([labels for _, labels in parts])
    return Base(Encoder(spec, derived_features(params.features.derived)), values, labels, params)


def _fitted_chances(base: Base) -> Floats:
    """What three models of different kinds say on average: smooth, and nothing that any of them meets."""
    matrix = base.encoder.encode(RawTable(base.encoder.spec, base.values))
    data = TrainingData(matrix, base.labels, np.zeros_like(base.labels), base.encoder.names, 0)
    everybody = np.ones(len(matrix), dtype=bool)
    said = [log_odds(fit(name, {}, data, everybody), matrix) for name in ("lr", "gbc", "mlp")]
    return probabilities(np.mean(said, axis=0))


def _law(encoder: Encoder, values: Floats) -> Floats:
    return probabilities(TelcoVisionLaw.log_odds(dict(zip(encoder.spec.names, values.T, strict=True))))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks coverage", description=__doc__)
    parser.add_argument("--splits", type=int, default=10, help="splits for each line of the table")
    parser.add_argument("--models", nargs="+", default=["lr", "gbc", "lightgbm", "lr+gbc+lightgbm"])
    parser.add_argument("--world", default="", help="only worlds whose name holds this")
    parser.add_argument("--telcovision", type=Path, metavar="CSV", help="the TelcoVision file")
    return parser
