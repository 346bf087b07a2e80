"""Does a trainer keep its promises? Tried on a few hundred made-up rows."""

# pyright: basic

from __future__ import annotations

from typing import Any

import numpy as np

from churn_core.params import TrainParams
from churn_core.protocols import TrainedModel, Trainer, TrainingData

__all__ = ["check_trainer"]

_ROWS, _FOLDS = 400, 3


class _Silent:
    def start(self, total: int, what: str) -> None: ...

    def step(self, what: str) -> None: ...


def check_trainer(trainer: Trainer, options: dict[str, Any]) -> None:
    """Train twice, and compare graph and estimators.

    Args:
        options: Keys of the section `train` of `params.yaml`, such as `models`.

    Raises:
        AssertionError: A promise is broken.
    """
    params = TrainParams(**{"folds": _FOLDS, "tune": 0, "blend": 1, **options})
    data = _data(params.folds)
    first, second = (trainer.train(data, params, _Silent()) for _ in range(2))
    _check_members(first, data)
    _check_leaderboard(first)
    for one, other in zip(first.members, second.members, strict=True):
        same = np.array_equal(one.out_of_fold, other.out_of_fold)
        _must(same, f"member {one.name!r} must come out the same with the same seed")
    _check_export(first, data)


def _must(holds: object, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _data(folds: int) -> TrainingData:
    """Four features, two of which matter."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(_ROWS, 4)).astype(np.float32)
    odds = matrix[:, 0] - 0.7 * matrix[:, 1] - 0.5
    labels = (rng.random(_ROWS) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    fold = np.arange(_ROWS, dtype=np.int64) % folds
    return TrainingData(matrix, labels, fold, ("a", "b", "c", "d"), seed=0)


def _check_members(model: Any, data: TrainingData) -> None:
    _must(isinstance(model, TrainedModel), "train must give a churn_core.protocols.TrainedModel")
    _must(model.members, "train must give at least one member")
    _must(abs(sum(member.weight for member in model.members) - 1) < 1e-9, "weights must sum to 1")
    for member in model.members:
        out_of_fold = np.asarray(member.out_of_fold)
        inside = out_of_fold.shape == (len(data.labels),) and ((out_of_fold >= 0) & (out_of_fold <= 1)).all()
        _must(inside, f"out_of_fold of {member.name!r} must be a probability for each row")
        shape = np.shape(member.estimator.predict_proba(data.matrix))
        _must(shape == (len(data.labels), 2), f"predict_proba of {member.name!r} must have shape [rows, 2]")


def _check_leaderboard(model: TrainedModel) -> None:
    chosen = {row.model for row in model.leaderboard if row.chosen}
    missing = sorted({member.name for member in model.members} - chosen)
    _must(not missing, f"the leaderboard must mark as chosen: {', '.join(missing)}")


def _check_export(model: TrainedModel, data: TrainingData) -> None:
    """Raises `ExportError` where graph and estimators differ."""
    from churn_core.bundle.manifest import Calibration
    from churn_core.train.export import export_graph
    from churn_core.train.parity import check_parity

    plain = Calibration(method="none", slope=1.0, intercept=0.0)
    graph = export_graph(model.members, plain, data.matrix.shape[1])
    check_parity(graph, model.members, plain, data.matrix)
