"""How much a fit would differ had it been another: the part of uncertainty that no binomial shows.

Bounds rest on the fits of the folds, but another fit, that of all customers, is served. Two
cross-validations on different folds score every customer twice, each time by a fit that has not
seen him. Where two customers of like score share a fold's fit, their differences have that fit's
own error in common, so the mean product of such differences estimates its variance: a random
effect of fits, as DerSimonian and Laird (Controlled Clinical Trials 7, 1986) have it of studies,
without the noise of outcomes, which would drown it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

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
    fold = stratified_folds(data.labels, len(np.unique(data.fold)), data.seed + 1)
    other = _unseen(members, data, fold)
    first, second = (calibrated_odds(calibration, one) for one in (odds, other))
    return shift_between_fits(first, second, (data.fold, fold), neighbours(len(odds)))


def shift_between_fits(first: Floats, second: Floats, folds: tuple[Folds, Folds], alike: int) -> float:
    """The same from two cross-validations.

    Args:
        first: Calibrated log-odds of every row, from fits that have not seen it, `[rows]`.
        second: The same from other folds.
        folds: In which fold a row was in the first, and in the second.
        alike: How many customers count as alike.
    """
    products = pairs = 0.0
    groups = max(1, round(len(first) / alike))
    for rows in np.array_split(np.argsort(first + second, kind="stable"), groups):
        apart = (second - first)[rows]
        apart -= apart.mean()
        for fold in folds:
            sums, squares, counts = (np.bincount(fold[rows], one) for one in (apart, apart**2, apart * 0 + 1))
            products += float(np.sum(sums**2 - squares))
            pairs += float(np.sum(counts * (counts - 1)))
    count = int(folds[0].max()) + 1
    # What all folds have in common is centred away (count - 1), and one more fit varies beside
    # the mean of `count` others (count + 1).
    return float(np.sqrt(max(products, 0.0) / max(pairs, 1.0) * (count + 1) / (count - 1)))


def _unseen(members: Sequence[Member], data: TrainingData, fold: Folds) -> Floats:
    """Blended log-odds of every row, from fits that have not seen its fold, `[rows]`."""
    odds = np.empty(len(fold))
    for k in np.unique(fold):
        test = fold == k
        fits = [replace(m, estimator=_fitted(m, data.matrix[~test], data.labels[~test])) for m in members]
        odds[test] = blended_log_odds(fits, data.matrix[test])
    return odds


def _fitted(member: Member, matrix: NDArray[np.float32], labels: NDArray[np.int64]) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # networks are stopped early on purpose
        return clone(member.estimator).fit(matrix, labels)
