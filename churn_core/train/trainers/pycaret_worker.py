"""PyCaret's own process: `python -m churn_core.train.trainers.pycaret_worker`.

Imports PyCaret, and waits for a line on standard input: a request. Then it reads `data.npz` from the
current folder, compares and tunes, and writes one JSON object a line to standard output. After
`{"event": "choose"}` it waits for another line: the names of the models to tune. Everything else that
is printed goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss

from churn_core.params import TrainParams
from churn_core.train.candidates import NOT_STARTED, WORTHWHILE, Deadline
from churn_core.train.models import MODELS
from churn_core.train.trainers.pycaret_setup import set_up

__all__ = ["main"]

_METRICS = {
    "roc_auc": "AUC",
    "log_loss": "Log Loss",
    "brier": "Brier",
    "accuracy": "Accuracy",
    "f1": "F1",
}
_DIGITS = 12  # PyCaret rounds its tables


def main() -> None:
    """Answer one request."""
    # PyCaret prints; the real standard output is kept for what the trainer reads.
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(event: str, **content: Any) -> None:
        channel.write(json.dumps({"event": event, **content}) + "\n")

    pycaret = _imported()
    request = TrainParams.model_validate_json(sys.stdin.readline())
    deadline = Deadline(request.budget_seconds)
    experiment = _experiment(pycaret, request.seed)
    compared = _compare(experiment, request, deadline, tell)
    tell("choose")
    for name in json.loads(sys.stdin.readline()):
        changes, scores = {}, compared[name]
        if request.tune and not deadline.passed():
            tell("step", what=f"tuning {name}")
            with suppress(Exception):  # what was compared stands, whatever a search stumbles over
                found, better = _tune(experiment, name, request)
                if better["log_loss"].mean() < scores["log_loss"].mean() - WORTHWHILE:
                    changes, scores = found, better
        tell("tuned", model=name, changes=changes, scores=_lists(scores))
    tell("done")


def _imported() -> Any:
    """PyCaret's module; it takes seconds, and is not to cost more of them than it must."""
    sys.modules["mlflow"] = None  # type: ignore[assignment] - it would log with it, which nobody asks for
    gc.disable()
    import pycaret.classification as module

    gc.freeze()  # PyCaret collects garbage after every model, and would look through all modules each time
    gc.enable()
    return module


def _experiment(pycaret: Any, seed: int) -> Any:
    """PyCaret with the data, its folds, and the metrics that we compare by."""

    class Experiment(pycaret.ClassificationExperiment):
        """Keeps the fold scores that PyCaret shows and throws away."""

        shown: pd.DataFrame

        def pull(self, pop: bool = False) -> pd.DataFrame:
            self.shown = super().pull(pop)
            return self.shown

    data = np.load("data.npz")
    experiment = Experiment()
    set_up(experiment, data["matrix"], data["labels"], data["fold"], seed)
    losses = {"log_loss": log_loss, "brier": brier_score_loss}
    for name, function in losses.items():
        experiment.add_metric(name, _METRICS[name], function, target="pred_proba", greater_is_better=False)
    return experiment


def _compare(experiment: Any, request: TrainParams, deadline: Deadline, tell: Any) -> dict[str, Any]:
    """Cross-validate one model after the other, so that one that fails harms no other."""
    compared: dict[str, Any] = {}
    for name in request.models:
        if deadline.passed():
            tell("failed", model=name, note=NOT_STARTED)
            continue
        tell("step", what=name)
        try:
            experiment.compare_models(
                include=[MODELS[name].make(request.seed)],
                sort=_METRICS["log_loss"],
                round=_DIGITS,
                errors="raise",
                verbose=False,
            )
            compared[name] = _fold_scores(experiment.shown)
        except Exception as error:  # noqa: BLE001 - each library fails in its own ways
            tell("failed", model=name, note=f"failed: {error}")
            continue
        tell("compared", model=name, scores=_lists(compared[name]))
    return compared


def _tune(experiment: Any, name: str, request: TrainParams) -> tuple[dict[str, Any], dict[str, Any]]:
    """Search a model's grid by log loss: what differs from its own settings, and the fold scores."""
    spec = MODELS[name]
    tuned = experiment.tune_model(
        spec.make(request.seed),
        custom_grid={key: list(values) for key, values in spec.grid.items()},
        n_iter=request.tune,
        optimize=_METRICS["log_loss"],
        search_library="scikit-learn",
        search_algorithm="random",
        choose_better=False,  # it would fit the untuned model once more, and compare rounded scores
        round=_DIGITS,
        verbose=False,
    )
    found = tuned.get_params()
    changes = {key: _plain(found[key]) for key in spec.grid if found[key] != spec.settings[key]}
    return changes, _fold_scores(experiment.shown)


def _fold_scores(table: pd.DataFrame) -> dict[str, Any]:
    folds = table.loc[[label for label in table.index if label not in ("Mean", "Std")]]
    return {name: folds[column].to_numpy(dtype=np.float64) for name, column in _METRICS.items()}


def _lists(scores: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in scores.items()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    main()
