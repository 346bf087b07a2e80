"""Intervals for probabilities, from the out-of-fold scores of training customers.

A Venn predictor (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005) whose
categories are the customers nearest in score, made into an interval with a stated coverage: around a
place s on the scale of log-odds, the churn rate is `sigmoid(s + d)` with one unknown shift d for the
neighbours of s. The interval holds every d that a score test (Wilson, JASA 22, 1927; here with the
log-odds as offsets) does not reject:

    |churners - sum p_i(d)| <= z sqrt(V + (tau V)^2)
    p_i(d) = sigmoid(s_i + d),  V = sum p_i(d) (1 - p_i(d))

where tau is by how much the served fit's shift differs from that of the folds (`steadiness`): a
shift by tau moves the expected number of churners by tau V.

With the log-odds as offsets the calibrated curve takes care of the slope within the neighbourhood,
and its size, rows^(2/3), lets bias vanish before the width does. Near the ends neighbourhoods shrink
so that they stay centred.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.band import ProbabilityBand
from churn_core.train.blend import probabilities

__all__ = ["fit_band", "neighbours"]

Floats = NDArray[np.float64]

_KNOTS = 6  # for each neighbourhood: between far ones, lines would average bounds and cover too much
_MOST_KNOTS = 500
_FEWEST = 50  # neighbours, where there are so many customers
_FARTHEST = 15.0  # a shift that makes any probability 0 or 1 to six digits
_HALVINGS = 40
_DIGITS = 6


def neighbours(rows: int) -> int:
    """How many customers count as alike among so many."""
    return max(2, round(rows ** (2 / 3)))


def fit_band(
    odds: Floats, labels: NDArray[np.int64], coverage: float, spread: float = 0.0
) -> ProbabilityBand:
    """Bounds by calibrated probability.

    Args:
        odds: Calibrated log-odds of fits that have not seen their rows, `[rows]`.
        labels: 1 for churn, `[rows]`.
        coverage: From 0 to 1.
        spread: Standard deviation of the shift between fits, in log-odds.
    """
    order = np.argsort(odds, kind="stable")
    scores = odds[order]
    size = neighbours(len(scores))
    count = min(_MOST_KNOTS, _KNOTS * -(-len(scores) // size))
    knots = _apart(np.quantile(scores, (np.arange(count) + 0.5) / count))
    offsets, inside, churners = _neighbours(scores, labels[order], knots, size)
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    low, high = (probabilities(knots + _shift(offsets, inside, churners, side, spread)) for side in (z, -z))
    return ProbabilityBand(
        coverage=coverage,
        spread=spread,
        neighbours=int(inside.sum(axis=1).max()),
        probabilities=_rounded(0.0, probabilities(knots), 1.0),
        low=_rounded(0.0, low, 1.0),
        high=_rounded(0.0, high, 1.0),
    )


def _apart(knots: Floats) -> Floats:
    """Those that are still apart from each other, and from 0 and 1, when they are written."""
    written, first = np.unique(np.round(probabilities(knots), _DIGITS), return_index=True)
    kept = knots[first[(written > 0) & (written < 1)]]
    return kept if len(kept) else np.zeros(1)


def _neighbours(
    scores: Floats, labels: NDArray[np.int64], knots: Floats, size: int
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Log-odds around each knot `[knots, size]`, which of them count, and how many churned `[knots]`."""
    rows = len(scores)
    first, last = (np.searchsorted(scores, knots, side=side) for side in ("left", "right"))
    place = (first + last) // 2
    half = np.maximum(np.minimum(place, rows - place), _FEWEST // 2)
    half = np.clip(half, 1, max(1, min(size, rows) // 2))
    start = np.clip(place - half, 0, np.maximum(rows - 2 * half, 0))
    positions = start[:, None] + np.arange(2 * int(half.max()))
    inside = (positions < (start + 2 * half)[:, None]) & (positions < rows)
    positions = np.minimum(positions, rows - 1)
    return scores[positions], inside, np.sum(labels[positions] * inside, axis=1).astype(np.float64)


def _shift(offsets: Floats, inside: NDArray[np.bool_], churners: Floats, z: float, spread: float) -> Floats:
    """The shift at which the score statistic is `z`, by halving: it falls as the shift grows."""
    low = np.full(len(offsets), -_FARTHEST)
    high = -low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p = np.where(inside, probabilities(offsets + middle[:, None]), 0.0)
        variance = np.sum(p * (1 - p), axis=1)
        statistic = churners - p.sum(axis=1) - z * np.sqrt(variance + (spread * variance) ** 2)
        low, high = np.where(statistic > 0, middle, low), np.where(statistic > 0, high, middle)
    return low


def _rounded(first: float, numbers: Floats, last: float) -> tuple[float, ...]:
    """Numbers as they are written, with both ends of the scale."""
    return (first, *np.round(numbers, _DIGITS).tolist(), last)
