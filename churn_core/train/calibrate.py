"""Calibration on out-of-fold scores: at most three numbers, exact in the graph.

`platt`: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, and for the Newton
iteration Lin, Lin and Weng, "A Note on Platt's Probabilistic Outputs", 2007. `beta`: Kull, Silva
Filho and Flach, "Beyond sigmoids: How to obtain well-calibrated probabilities from binary
classifiers with beta calibration", EJS 11, 2017: a logistic regression on ln p and -ln(1 - p)
whose weights are not negative, so that the curve never falls. The choice between them is Breiman's
rule of one standard error, here of paired differences.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration, CalibrationScore
from churn_core.train.blend import probabilities
from churn_core.train.folds import stratified_folds

__all__ = [
    "METHODS",
    "NONE",
    "calibrate",
    "calibrated",
    "calibrated_odds",
    "choose_calibration",
    "cross_fitted",
    "fit_calibration",
]

NONE = Calibration(method="none", slope=1.0, intercept=0.0)

METHODS = ("none", "platt", "beta")  # the simplest first

_REPEATS = 10
_FOLDS = 5

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def calibrated_odds(calibration: Calibration, odds: Floats) -> Floats:
    """Log-odds `[rows]` from blended log-odds."""
    straight = calibration.slope * odds + calibration.intercept
    return straight + calibration.bend * _softplus(odds) if calibration.bend else straight


def calibrated(calibration: Calibration, odds: Floats) -> Floats:
    """Probabilities `[rows]` from blended log-odds."""
    return probabilities(calibrated_odds(calibration, odds))


def fit_calibration(method: str, odds: Floats, labels: Labels) -> Calibration:
    """Calibrate scores that come from fits which have not seen their rows."""
    if method == "platt":
        (slope,), intercept = _rising([odds], labels)
        return Calibration(method="platt", slope=slope, intercept=intercept)
    if method == "beta":
        (a, b), c = _rising([-_softplus(-odds), _softplus(odds)], labels)
        return Calibration(method="beta", slope=a, intercept=c, bend=b - a)
    return NONE


def calibrate(method: str, odds: Floats, labels: Labels, seed: int) -> Calibration:
    """Calibrate by a method, or by the one to choose if that is `auto`."""
    if method == "auto":
        return choose_calibration(odds, labels, seed)
    return fit_calibration(method, odds, labels)


def choose_calibration(odds: Floats, labels: Labels, seed: int) -> Calibration:
    """The simplest method that is not worse than the best by more than one standard error.

    Each method is fitted on four fifths of the rows and judged by log loss on the rest, for ten
    random partitions; a row's losses are averaged before rows are compared in pairs.
    """
    losses = np.array([_losses(method, odds, labels, seed) for method in METHODS])
    means = losses.mean(axis=1)
    behind = losses - losses[means.argmin()]
    errors = behind.std(axis=1, ddof=1) / np.sqrt(len(labels))
    chosen = int(np.argmax(behind.mean(axis=1) <= errors))
    compared = tuple(
        CalibrationScore(method=method, log_loss=mean, behind=gap, standard_error=error)
        for method, mean, gap, error in zip(
            METHODS, means.tolist(), behind.mean(axis=1).tolist(), errors.tolist(), strict=True
        )
    )
    return fit_calibration(METHODS[chosen], odds, labels).model_copy(update={"compared": compared})


def cross_fitted(method: str, odds: Floats, labels: Labels, fold: NDArray[np.int64]) -> Floats:
    """Out-of-fold probabilities `[rows]`: each fold calibrated by the others, for honest metrics."""
    result = np.empty_like(odds)
    for k in np.unique(fold):
        test = fold == k
        result[test] = calibrated(fit_calibration(method, odds[~test], labels[~test]), odds[test])
    return result


def _losses(method: str, odds: Floats, labels: Labels, seed: int) -> Floats:
    """Mean log loss of each row over the partitions, `[rows]`."""
    signs = np.where(labels == 1, -1.0, 1.0)
    total = np.zeros(len(labels))
    for repeat in range(_REPEATS):
        fold = stratified_folds(labels, _FOLDS, seed + repeat)
        for k in range(_FOLDS):
            test = fold == k
            fitted = fit_calibration(method, odds[~test], labels[~test])
            total[test] += _softplus(signs[test] * calibrated_odds(fitted, odds[test]))
    return total / _REPEATS


def _rising(columns: list[Floats], labels: Labels) -> tuple[list[float], float]:
    """Weights of a logistic regression, none of them negative, and its intercept.

    Scores that rank wrongly say nothing: their weight is 0.
    """
    weights = np.zeros(len(columns) + 1)
    used = list(range(len(columns) + 1))
    design = np.column_stack([*columns, np.ones(len(labels))])
    while True:
        found = _logistic(design[:, used], labels)
        worst = int(np.argmin(found[:-1])) if len(used) > 1 else -1
        if worst < 0 or found[worst] >= 0:
            weights[used] = found
            return weights[:-1].tolist(), float(weights[-1])
        del used[worst]


def _logistic(design: Floats, labels: Labels) -> Floats:
    """Newton's method on the log loss."""
    positive = int(labels.sum())
    negative = len(labels) - positive
    # Platt's targets keep weights finite where scores separate the classes.
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    weights = np.append(np.ones(design.shape[1] - 1), 0.0)
    for _ in range(100):
        p = probabilities(design @ weights)
        gradient = design.T @ (p - target)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights = _shortened(design, target, weights, step)
        if np.abs(step).max() < 1e-10:
            break
    return weights


def _shortened(design: Floats, target: Floats, weights: Floats, step: Floats) -> Floats:
    """The Newton step, halved until the loss does not rise."""

    def loss(w: Floats) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0.0, z) - target * z))

    before = loss(weights)
    for _ in range(30):
        if loss(weights - step) <= before:
            return weights - step
        step = step / 2
    return weights


def _softplus(odds: Floats) -> Floats:
    """`log(1 + e^odds)`: minus the logarithm of the probability to stay."""
    return np.logaddexp(0.0, odds)
