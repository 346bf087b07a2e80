"""`dvc repro` from fetch to evaluate, beside PyCaret's own compare and tune.

Both see the same training rows, models, folds, grids and tuning draws, each in processes of
its own, in turn; the ratio is taken pair by pair. PyCaret alone ends with tuned models; the
stages also validate, split, blend, calibrate, export, compare the export on all rows, and
evaluate with intervals and figures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from churn_core import registry
from churn_core.features import Encoder, derived_features, read_columns
from churn_core.params import read_params
from churn_core.train.folds import stratified_folds
from churn_core.train.leaderboard import read_leaderboard
from churn_core.train.models import MODELS
from churn_core.train.prepared import load_prepared
from churn_core.train.trainers.pycaret_setup import set_up

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> None:
    """Print the seconds of both, and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pipeline", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1, help="how often both are run")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        _project(Path(folder))
        ratios = [_pair(folder) for _ in range(options.pairs)]
    print(f"dvc repro / PyCaret alone: {median(ratios):.2f} (median of {options.pairs}; budget 1.3)")


def _project(folder: Path) -> None:
    """A copy of the project without anything that was made, with a `churn` of this environment."""
    for name in ("params.yaml", "dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "churn_core", folder / "churn_core")
    churn = folder / ".venv/bin/churn"
    churn.parent.mkdir(parents=True)
    command = "from churn_core.cli import main; main()"
    churn.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{command}' \"$@\"\n")
    churn.chmod(0o755)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


def _pair(folder: str) -> float:
    repro = _seconds([sys.executable, "-m", "dvc", "repro", "--force", "--quiet"], folder)
    alone = _seconds([sys.executable, "-W", "ignore", "-m", "benchmarks.pipeline", folder], folder)
    print(f"dvc repro {repro:.1f} s, PyCaret alone {alone:.1f} s, ratio {repro / alone:.2f}", flush=True)
    return repro / alone


def _seconds(command: list[str], folder: str) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def pycaret_alone(root: Path) -> None:
    """Compare all models and tune those that the stages tuned, with nothing but PyCaret."""
    params = read_params(root / "params.yaml")
    spec = registry.get("schemas", params.schema_name).spec
    train = load_prepared(root, spec).train
    encoder = Encoder(spec, derived_features(params.features.derived))
    matrix = encoder.encode(read_columns(spec, train.table).raw)
    folds = stratified_folds(train.labels, params.train.folds, params.train.seed)
    from pycaret.classification import ClassificationExperiment

    experiment = ClassificationExperiment()
    set_up(experiment, matrix, train.labels, folds, params.train.seed)
    models = {name: MODELS[name].make(params.train.seed) for name in params.train.models}
    experiment.compare_models(include=list(models.values()), n_select=len(models), verbose=False)
    chosen = [row.model for row in read_leaderboard(root) if row.chosen]
    for name in chosen:
        grid = {key: list(values) for key, values in MODELS[name].grid.items()}
        experiment.tune_model(
            models[name], custom_grid=grid, n_iter=params.train.tune, optimize="AUC", verbose=False
        )


if __name__ == "__main__":
    pycaret_alone(Path(sys.argv[1]))
