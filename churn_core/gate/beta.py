"""The Beta distribution with numpy alone.

The incomplete Beta function is evaluated as the continued fraction DLMF 8.17.22
(https://dlmf.nist.gov/8.17#E22) by the modified Lentz method, on the side of the mean where it
converges within O(sqrt(max(a, b))) terms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["incomplete_beta", "mean_excess", "survival"]

Floats = NDArray[np.float64]

_TERMS = 10_000
_TINY = 1e-300


def incomplete_beta(x: ArrayLike, a: float, b: float) -> Floats:
    """The regularised incomplete Beta function: P(X <= x) for X ~ Beta(a, b), x from 0 to 1."""
    low, tail = _nearer_tail(np.asarray(x, dtype=np.float64), a, b)
    return np.where(low, tail, 1 - tail)


def survival(x: ArrayLike, a: float, b: float) -> Floats:
    """P(X > x)."""
    low, tail = _nearer_tail(np.asarray(x, dtype=np.float64), a, b)
    return np.where(low, 1 - tail, tail)


def mean_excess(x: ArrayLike, a: float, b: float) -> Floats:
    """E[max(X - x, 0)], which is `(a / (a + b) - x) P(X > x) + x^a (1 - x)^b / ((a + b) B(a, b))`."""
    x = np.asarray(x, dtype=np.float64)
    excess = (a / (a + b) - x) * survival(x, a, b) + _power(x, a, b) / (a + b)
    return np.maximum(excess, 0.0)


def _nearer_tail(x: Floats, a: float, b: float) -> tuple[NDArray[np.bool_], Floats]:
    """Whether a point lies below the mean, and the probability of the tail on its side."""
    low = x < (a + 1) / (a + b + 2)
    below = _lower(np.where(low, x, 0.0), a, b)
    above = _lower(np.where(low, 0.0, 1 - x), b, a)
    return low, np.where(low, below, above)


def _lower(x: Floats, a: float, b: float) -> Floats:
    return _power(x, a, b) * _fraction(x, a, b) / a


def _power(x: Floats, a: float, b: float) -> Floats:
    """`x^a (1 - x)^b / B(a, b)`."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    with np.errstate(divide="ignore"):
        return np.exp(a * np.log(x) + b * np.log1p(-x) - log_beta)


def _fraction(x: Floats, a: float, b: float) -> Floats:
    upper = np.ones_like(x)
    lower = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = lower
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = upper
        for term in (even, odd):
            lower = 1 / _not_zero(1 + term * lower)
            upper = _not_zero(1 + term / upper)
            change = lower * upper
            value = value * change
        if np.all(np.abs(change - 1) <= 4 * np.finfo(np.float64).eps):
            break
    return value


def _not_zero(x: Floats) -> Floats:
    return np.where(np.abs(x) < _TINY, _TINY, x)
