"""Logistic regression with one or two columns, for many resamples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["logistic_fit"]

Floats = NDArray[np.float64]
# Newton's method doubles the digits: after a step of this size the next would be one of 1e-12.
_CONVERGED = 1e-6


def logistic_fit(design: Floats, offset: Floats, labels: Floats, counts: Floats) -> Floats:
    """Maximum likelihood of `labels ~ sigmoid(design @ theta + offset)` for each row of counts.

    Newton's method with step halving; a fit without a finite maximum is `nan`. Of columns that
    depend on each other, one of the equally good fits is returned.

    Returns:
        theta, `[replicates, columns]`.
    """
    accepted = trial = np.zeros((len(counts), design.shape[1]))
    if len(counts) > 1:  # resamples lie near the sample itself
        trial = trial + np.nan_to_num(logistic_fit(design, offset, labels, np.ones((1, len(labels)))))
    step = trial
    best = np.full(len(counts), -np.inf)
    for _ in range(30):
        scores = trial @ design.T + offset
        tail = np.exp(-np.abs(scores))
        value = np.sum(counts * (labels * scores - np.maximum(scores, 0.0) - np.log1p(tail)), axis=1)
        better = value >= best - 1e-12 * np.abs(best)
        accepted = np.where(better[:, None], trial, accepted)
        best = np.where(better, value, best)
        means = np.where(scores >= 0, 1.0, tail) / (1 + tail)
        step = np.where(better[:, None], _newton_step(design, counts, labels - means, means), step / 2)
        trial = accepted + step
        if np.abs(step).max() < _CONVERGED:
            break
    return np.where(np.abs(step).max(axis=1, keepdims=True) < _CONVERGED, trial, np.nan)


def _newton_step(design: Floats, counts: Floats, residuals: Floats, means: Floats) -> Floats:
    columns = design.shape[1]
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    curvature: Floats = ((counts * means * (1 - means)) @ squares).reshape(-1, columns, columns)
    # Keeps the matrix invertible; it bends steps, not the solution, where the gradient vanishes.
    ridge: Floats = 1e-12 * curvature.max(axis=(1, 2)) + 1e-30
    curvature += ridge[:, None, None] * np.eye(columns)
    gradient = (counts * residuals) @ design
    return np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0].astype(np.float64, copy=False)
