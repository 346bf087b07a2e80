"""The area under the ROC curve with its standard error, of one model and of the difference of two.

DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
characteristic curves: a nonparametric approach", Biometrics 44, 1988, in O(n log n) by mid-ranks as in
Sun and Xu, "Fast implementation of DeLong's algorithm for comparing the areas under correlated
receiver operating characteristic curves", IEEE Signal Processing Letters 21(11), 2014. Ties count half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_core.gate.inference import Normal
from churn_core.gate.sample import Floats

__all__ = ["auc", "auc_difference", "hanley_mcneil", "placements"]


def auc(labels: ArrayLike, probabilities: ArrayLike) -> Normal:
    """ROC AUC of one model; the error is `nan` with fewer than two customers of either outcome."""
    return _mean(*placements(labels, probabilities))


def auc_difference(labels: ArrayLike, candidate: ArrayLike, champion: ArrayLike) -> Normal:
    """ROC AUC of `candidate` minus that of `champion`, both on the same customers."""
    (churned, stayed), (churned_too, stayed_too) = (placements(labels, one) for one in (candidate, champion))
    return _mean(churned - churned_too, stayed - stayed_too)


def placements(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
    """For each churner the share of others below him, for each other the share of churners above.

    Returns:
        `[churners]` and `[others]`, ties counted half; the mean of either is the AUC.
    """
    churned = np.asarray(labels) > 0
    p = np.asarray(probabilities, dtype=np.float64)
    ranks = _mid_ranks(p)
    churners, others = int(churned.sum()), int((~churned).sum())
    above = (ranks[churned] - _mid_ranks(p[churned])) / max(others, 1)
    below = 1 - (ranks[~churned] - _mid_ranks(p[~churned])) / max(churners, 1)
    return above, below


def hanley_mcneil(area: float, churners: int, others: int) -> float:
    """Standard error of an AUC that nobody has measured yet.

    Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", Radiology 143, 1982, formula 1 with the exponential approximations of Q1 and Q2.
    """
    both, twice = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (churners - 1) * (both - area**2) + (others - 1) * (twice - area**2)
    return float(np.sqrt(spread / (churners * others)))


def _mean(churned: Floats, stayed: Floats) -> Normal:
    if min(len(churned), len(stayed)) < 2:
        return Normal(float(np.mean(churned)) if len(churned) else np.nan, np.nan)
    spread = np.var(churned, ddof=1) / len(churned) + np.var(stayed, ddof=1) / len(stayed)
    return Normal(float(np.mean(churned)), float(np.sqrt(spread)))


def _mid_ranks(values: NDArray[np.float64]) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]
