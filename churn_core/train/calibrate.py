"""Platt calibration on out-of-fold scores: two numbers, exact in the graph.

See Platt, "Probabilistic Outputs for Support Vector Machines", 1999, and for the Newton
iteration Lin, Lin and Weng, "A Note on Platt's Probabilistic Outputs", 2007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration
from churn_core.train.blend import probabilities

__all__ = ["NONE", "calibrated", "cross_fitted", "fit_calibration"]

NONE = Calibration(method="none", slope=1.0, intercept=0.0)


def calibrated(calibration: Calibration, odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities `[rows]` from blended log-odds."""
    return probabilities(calibration.slope * odds + calibration.intercept)


def fit_calibration(method: str, odds: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Calibrate scores that come from fits which have not seen their rows."""
    return _platt(odds, labels) if method == "platt" else NONE


def cross_fitted(
    method: str, odds: NDArray[np.float64], labels: NDArray[np.int64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Out-of-fold probabilities `[rows]`: each fold calibrated by the others, for honest metrics."""
    result = np.empty_like(odds)
    for k in np.unique(fold):
        test = fold == k
        result[test] = calibrated(fit_calibration(method, odds[~test], labels[~test]), odds[test])
    return result


def _platt(odds: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Newton's method on the log loss of `sigmoid(slope * odds + intercept)`."""
    positive = int(labels.sum())
    negative = len(labels) - positive
    # Platt's targets keep the slope finite where scores separate the classes.
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    design = np.column_stack([odds, np.ones_like(odds)])
    weights = np.array([1.0, 0.0])
    for _ in range(100):
        p = probabilities(design @ weights)
        gradient = design.T @ (p - target)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights = _shortened(design, target, weights, step)
        if np.abs(step).max() < 1e-10:
            break
    if weights[0] <= 0:  # scores that rank wrongly say nothing: answer with the churn rate
        rate = positive / len(labels)
        return Calibration(method="platt", slope=0.0, intercept=float(np.log(rate) - np.log1p(-rate)))
    return Calibration(method="platt", slope=float(weights[0]), intercept=float(weights[1]))


def _shortened(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The Newton step, halved until the loss does not rise."""

    def loss(w: NDArray[np.float64]) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0.0, z) - target * z))

    before = loss(weights)
    for _ in range(30):
        if loss(weights - step) <= before:
            return weights - step
        step = step / 2
    return weights
