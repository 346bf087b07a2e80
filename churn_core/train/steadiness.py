"""How much a fit would differ had it been another: the part of uncertainty that no binomial shows.

Bounds rest on the fits of the folds, but another fit, that of all customers, is served. Two
cross-validations on different folds score every customer twice, each time by a fit that has not
seen him. What the folds' customers alone change cancels out among the folds of one, as it does in
the fit of all; what remains apart, for customers of like score together, is the fits' own error. The
mean product of two such customers' differences estimates its variance: a random effect of fits, as
DerSimonian and Laird (Controlled Clinical Trials 7, 1986) have it of studies, without the noise of
outcomes, which would drown it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from churn_core.bundle.manifest import Calibration
from churn_core.protocols import Member, TrainingData
from churn_core.train.band import neighbours
from churn_core.train.blend import blended_log_odds
from churn_core.train.calibrate import calibrated_odds
from churn_core.train.folds import stratified_folds

__all__ = ["shift_between_fits", "spread_of_fits"]

Floats = NDArray[np.float64]
Folds = NDArray[np.int64]


def spread_of_fits(
    members: Sequence[Member], calibration: Calibration, odds: Floats, data: TrainingData
) -> float:
    """By how much the served fit is off from those of the folds, for customers who score alike.

    Args:
        odds: The members' blended log-odds out of fold, `[rows]`.

    Returns:
        The standard deviation of that shift, in calibrated log-odds.
    """
    folds = len(np.unique(data.fold))
    fold = stratified_folds(data.labels, folds, data.seed + 1)
    other = _unseen(members, data, fold)
    first, second = (calibrated_odds(calibration, one) for one in (odds, other))
    return shift_between_fits(first, second, folds, neighbours(len(odds)))


def shift_between_fits(first: Floats, second: Floats, folds: int, alike: int) -> float:
    """The same from two cross-validations.

    Args:
        first: Calibrated log-odds of every row, from fits that have not seen it, `[rows]`.
        second: The same from other folds.
        folds: How many folds each had.
        alike: How many customers count as alike.
    """
    products = pairs = 0.0
    groups = max(1, round(len(first) / alike))
    for rows in np.array_split(np.argsort(first + second, kind="stable"), groups):
        apart = (second - first)[rows]
        products += float(apart.sum() ** 2 - (apart**2).sum())
        pairs += len(rows) * (len(rows) - 1.0)
    # Means of `folds` fits differ by 2 / folds of a fit's variance, one more fit and such a mean
    # by 1 + 1 / folds of it.
    return float(np.sqrt((folds + 1) / 2 * max(products, 0.0) / max(pairs, 1.0)))


def _unseen(members: Sequence[Member], data: TrainingData, fold: Folds) -> Floats:
    """Blended log-odds of every row, from fits that have not seen its fold, `[rows]`."""
    odds = np.empty(len(fold))
    for k in np.unique(fold):
        test = fold == k
        fits = [replace(m, estimator=_fitted(m, data.matrix[~test], data.labels[~test])) for m in members]
        odds[test] = blended_log_odds(fits, data.matrix[test])
    return odds


def _fitted(member: Member, matrix: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # networks are stopped early on purpose
        fresh: Any = clone(member.estimator)
        return fresh.fit(matrix, labels)
