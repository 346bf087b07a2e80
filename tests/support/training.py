"""Small training data with columns of every kind and scale."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from churn_core.protocols import TrainingData
from churn_core.train.folds import stratified_folds
from churn_core.train.models import MODELS
from tests.support.projects import Project, write_csv

__all__ = ["INSTALLED", "Watched", "matrix_of", "prepared_project", "training_data"]

# All of them but in the environment without PyCaret, which lacks two libraries.
INSTALLED = tuple(name for name, spec in MODELS.items() if find_spec(spec.package))

COLUMNS = ("charges", "months", "log", "tiny", "common", "rare", "never")


def matrix_of(rows: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 `[rows, 7]`: money, whole months, a curve, a tiny scale, flags, a constant."""
    rng = np.random.default_rng(seed)
    months = rng.integers(0, 73, rows)
    return np.column_stack(
        [
            np.round(rng.gamma(2.0, 900.0, rows), 2),
            months,
            np.log1p(months),
            rng.normal(0, 1e-3, rows),
            rng.random(rows) < 0.4,
            rng.random(rows) < 0.03,
            np.zeros(rows),
        ]
    ).astype(np.float32)


def training_data(rows: int = 600, seed: int = 0, folds: int = 3) -> TrainingData:
    """Rows whose churn depends on months, charges and a flag."""
    matrix = matrix_of(rows, seed)
    odds = 0.3 - 0.05 * matrix[:, 1] + 1.5 * matrix[:, 4] + 2e-4 * matrix[:, 0] + 300 * matrix[:, 3]
    labels = (np.random.default_rng(seed + 1).random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return TrainingData(matrix, labels, stratified_folds(labels, folds, 0), COLUMNS, seed)


def prepared_project(root: Path, rows: int = 700, seed: int = 0) -> Project:
    """A TelcoVision project with prepared customers and a small native training."""
    write_csv(root / "mine.csv", rows=rows, seed=seed)
    train = {"trainer": "native", "models": ["lr", "lightgbm"], "folds": 3, "tune": 0, "blend": 2}
    project = Project(root, train=train)
    project.prepare()
    return project


class Watched:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.total = 0
        self.steps: list[str] = []

    def start(self, total: int, what: str) -> None:
        self.total = total

    def step(self, what: str) -> None:
        self.steps.append(what)
