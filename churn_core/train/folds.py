"""Which fold a training row is tested in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from churn_core.errors import TrainingError

__all__ = ["stratified_folds"]


def stratified_folds(labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Folds of equal churn rate, int64 `[rows]`: the fold in which each row is tested.

    Args:
        seed: Of any size: what scikit-learn does not take is taken modulo 2^32.

    Raises:
        TrainingError: An outcome is missing, or too rare to stand in every fold.
    """
    churned = int(labels.sum())
    stayed = len(labels) - churned
    if not churned or not stayed:
        missing = "churned" if stayed else "stayed"
        raise TrainingError(
            f"none of the {len(labels)} training customers {missing}: both outcomes are needed"
        )
    if min(churned, stayed) < folds:
        rare = "churned" if churned < stayed else "stayed"
        raise TrainingError(
            f"only {min(churned, stayed)} of {len(labels)} training customers {rare}: "
            f"too few for train.folds = {folds}"
        )
    fold = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    for index, (_, test) in enumerate(splitter.split(labels, labels)):
        fold[test] = index
    return fold
