"""Models under comparison: cross-validated on the folds of the training data."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from churn_core.errors import TrainingError
from churn_core.gate.metrics import METRICS
from churn_core.protocols import LeaderboardRow, Member, TrainedModel, TrainingData
from churn_core.train.blend import blend, log_odds, probabilities, to_log_odds, weights
from churn_core.train.models import MODELS
from churn_core.train.scaling import scaled

__all__ = [
    "NOT_STARTED",
    "WORTHWHILE",
    "Candidate",
    "Deadline",
    "cross_validate",
    "ensemble",
    "failed_row",
    "fold_scores",
    "leaderboard_row",
    "nothing_stands",
]

# Log loss that tuned hyper-parameters must save to be preferred: less is noise of the folds.
WORTHWHILE = 1e-4

NOT_STARTED = "not started: train.budget_seconds was over"

Scores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model with its settings, and what cross-validation says of it.

    Attributes:
        changes: Hyper-parameters that differ from the model's own settings.
        out_of_fold: Probability of each training row from the fit that has not seen it.
        scores: For each metric its value in each fold, `[folds]`.
    """

    name: str
    changes: Mapping[str, Any]
    out_of_fold: NDArray[np.float64]
    scores: Scores
    seconds: float

    @property
    def loss(self) -> float:
        """Mean log loss: what models are compared by, since probabilities are what is served."""
        return float(self.scores["log_loss"].mean())


class Deadline:
    """The moment after which no further model is started."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def passed(self) -> bool:
        return time.monotonic() >= self._end


def fit(name: str, changes: Mapping[str, Any], data: TrainingData, rows: NDArray[np.bool_]) -> Any:
    """A model behind its own scaler, fitted on some rows."""
    with warnings.catch_warnings():
        # Networks are stopped early on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return scaled(MODELS[name].make(data.seed, **changes)).fit(data.matrix[rows], data.labels[rows])


def cross_validate(name: str, changes: Mapping[str, Any], data: TrainingData) -> Candidate:
    """Fit a model once for each fold, scaler included, and score the rows it has not seen."""
    start = time.monotonic()
    out_of_fold = np.empty(len(data.labels))
    for index in range(int(data.fold.max()) + 1):
        test = data.fold == index
        estimator = fit(name, changes, data, ~test)
        out_of_fold[test] = probabilities(log_odds(estimator, data.matrix[test]))
    scores = fold_scores(out_of_fold, data)
    return Candidate(name, changes, out_of_fold, scores, time.monotonic() - start)


def fold_scores(out_of_fold: NDArray[np.float64], data: TrainingData) -> Scores:
    """Each metric in each fold."""
    tables = [
        _scores(data.labels[data.fold == index], out_of_fold[data.fold == index])
        for index in range(int(data.fold.max()) + 1)
    ]
    return {name: np.array([table[name] for table in tables]) for name in tables[0]}


def leaderboard_row(
    model: str, scores: Scores, seconds: float, weight: float = 0.0, note: str = ""
) -> LeaderboardRow:
    """Means over the folds, with their standard errors."""
    folds = len(next(iter(scores.values())))
    return LeaderboardRow(
        model=model,
        metrics={name: float(values.mean()) for name, values in scores.items()},
        spread={name: float(values.std(ddof=1) / np.sqrt(folds)) for name, values in scores.items()},
        seconds=seconds,
        chosen=weight > 0,
        weight=weight,
        note=note,
    )


def failed_row(model: str, note: str) -> LeaderboardRow:
    """A model that has no scores, and why."""
    return LeaderboardRow(model=model, metrics={}, spread={}, seconds=0.0, note=note)


def nothing_stands(failed: Sequence[LeaderboardRow]) -> TrainingError:
    """The error that says of every model why it is of no use."""
    if all(row.note == NOT_STARTED for row in failed):
        return TrainingError("train.budget_seconds was over before the first model was started; raise it")
    reasons = "; ".join(f"{row.model}: {row.note}" for row in failed)
    return TrainingError(f"no model could be fitted ({reasons})")


def ensemble(
    chosen: Sequence[Candidate], data: TrainingData, others: Sequence[LeaderboardRow]
) -> TrainedModel:
    """Fit the chosen models on all training rows, and put the leaderboard together.

    Args:
        others: Rows of what was compared and not chosen.
    """
    shares = weights([one.name for one in chosen])
    everything = np.ones(len(data.labels), dtype=bool)
    members = tuple(
        Member(
            name=one.name,
            estimator=fit(one.name, one.changes, data, everything),
            weight=share,
            out_of_fold=one.out_of_fold,
            hyper_parameters={**MODELS[one.name].settings, **one.changes},
        )
        for one, share in zip(chosen, shares, strict=True)
    )
    rows = [
        leaderboard_row(one.name, one.scores, one.seconds, share, _settings(one.changes))
        for one, share in zip(chosen, shares, strict=True)
    ]
    if len(chosen) > 1:
        rows.append(_blend_row(chosen, shares, data))
    return TrainedModel(members, tuple(sorted([*rows, *others], key=_rank)))


def _blend_row(chosen: Sequence[Candidate], shares: Sequence[float], data: TrainingData) -> LeaderboardRow:
    odds = blend([to_log_odds(one.out_of_fold) for one in chosen], shares)
    scores = fold_scores(probabilities(odds), data)
    names = ", ".join(one.name for one in chosen)
    return leaderboard_row("blend", scores, sum(one.seconds for one in chosen), note=f"of {names}")


def _rank(row: LeaderboardRow) -> float:
    return row.metrics.get("log_loss", np.inf)


def _scores(labels: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, float]:
    called = p >= 0.5
    hits = float((called & (labels == 1)).sum())
    wrong = float((called != (labels == 1)).sum())
    proper = {name: METRICS[name](labels, p) for name in ("roc_auc", "log_loss", "brier")}
    f1 = 2 * hits / (2 * hits + wrong) if hits else 0.0
    return {**proper, "accuracy": 1 - wrong / len(labels), "f1": f1}


def _settings(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in changes.items())
