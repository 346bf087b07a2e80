"""Tail probabilities of two classical tests."""

from __future__ import annotations

import math

__all__ = ["chi_square_tail", "kolmogorov_tail"]

_TERMS = 100


def chi_square_tail(value: float, freedom: int) -> float:
    """P(X > value) for a chi-square X with so many degrees of freedom, 1 or more."""
    if value <= 0:
        return 1.0
    half = value / 2
    start = 1 + freedom % 2  # of two degrees and of one the tail has a name
    tail = math.exp(-half) if start == 1 else math.erfc(math.sqrt(half))
    power = 1.0 if start == 1 else 0.5
    while 2 * power < freedom:
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
        power += 1
    return min(tail, 1.0)


def kolmogorov_tail(distance: float, first: int, second: int) -> float:
    """P-value of the largest distance between two empirical distributions, of so many values each.

    Asymptotic, with the correction of Stephens (JRSS B 32, 1970); too large where values are tied.
    """
    rows = math.sqrt(first * second / (first + second))
    scaled = (rows + 0.12 + 0.11 / rows) * distance
    if scaled < 0.2:  # the series is slow there, and its sum is 1
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, _TERMS + 1))
    return min(max(2 * math.fsum(terms), 0.0), 1.0)
