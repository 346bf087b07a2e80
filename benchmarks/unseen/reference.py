"""`python reference.py LIBRARY FOLDER SECONDS`: an AutoML library on rows that were split for it.

Runs in any interpreter that has the library: `train.parquet` (with `label`) and `holdout.parquet`
become `holdout.npy`, the probabilities. Exit code 3 says that the library is not installed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Fit = Callable[[Any, Any, float, Path], Callable[[Any], Any]]


def flaml(table: Any, labels: Any, seconds: float, _: Path) -> Callable[[Any], Any]:
    """FLAML, told to minimise log loss by cross-validation."""
    model = import_module("flaml").AutoML()
    model.fit(
        table,
        labels,
        task="classification",
        metric="log_loss",
        eval_method="cv",
        time_budget=seconds,
        n_jobs=1,
        seed=0,
        verbose=0,
    )
    return lambda rows: model.predict_proba(rows)[:, 1]


def autogluon(table: Any, labels: Any, seconds: float, folder: Path) -> Callable[[Any], Any]:
    """AutoGluon with bagging and a weighted ensemble, told to minimise log loss."""
    predictor = import_module("autogluon.tabular").TabularPredictor(
        "label", eval_metric="log_loss", path=str(folder / "autogluon"), verbosity=0
    )
    predictor.fit(
        table.assign(label=labels),
        time_limit=seconds,
        presets="good_quality",
        dynamic_stacking=False,
        num_cpus=1,
        num_gpus=0,
        ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
    )
    return lambda rows: predictor.predict_proba(rows)[1].to_numpy()


LIBRARIES: dict[str, Fit] = {"flaml": flaml, "autogluon": autogluon}


def main(library: str, folder: Path, seconds: float) -> int:
    """Fit, predict, write."""
    import numpy as np
    import pandas as pd

    table = pd.read_parquet(folder / "train.parquet")
    labels = table.pop("label")
    try:
        predict = LIBRARIES[library](table, labels, seconds, folder)
    except ImportError as error:
        print(error, file=sys.stderr)
        return 3
    np.save(folder / "holdout.npy", np.asarray(predict(pd.read_parquet(folder / "holdout.parquet"))))
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
