"""Estimates that know how sure they are, and what may be concluded from several at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from churn_core.bundle.manifest import Interval
from churn_core.gate.sample import Floats

__all__ = ["Estimated", "Normal", "Resampled", "holm", "normal_tail", "quantile"]

_STANDARD = NormalDist()


class Estimated(Protocol):
    """A number estimated from a sample."""

    @property
    def value(self) -> float: ...

    @property
    def error(self) -> float:
        """Standard error; `nan` where the sample cannot tell."""
        ...

    def interval(self, level: float) -> Interval:
        """The interval that holds the true number with probability `level`, as much cut off at either end."""
        ...

    def p_above(self, bound: float) -> float:
        """How likely a value this high or higher is where the true number is `bound` at most."""
        ...

    def p_below(self, bound: float) -> float:
        """How likely a value this low or lower is where the true number is `bound` at least."""
        ...


@dataclass(frozen=True)
class Normal:
    """A mean of many independent parts: normal around the true number.

    Attributes:
        error: Its standard error; `nan` where the sample cannot tell.
    """

    value: float
    error: float

    def interval(self, level: float) -> Interval:
        reach = quantile(1 - (1 - level) / 2) * self.error
        return Interval(value=self.value, low=self.value - reach, high=self.value + reach)

    def p_above(self, bound: float) -> float:
        distance = self.value - bound
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return normal_tail(distance / self.error)

    def p_below(self, bound: float) -> float:
        return Normal(-self.value, self.error).p_above(-bound)


@dataclass(frozen=True)
class Resampled:
    """A number with its bootstrap replicates.

    Attributes:
        replicates: float64 `[replicates]`; those that are not defined are `nan`.
    """

    value: float
    replicates: Floats

    @property
    def error(self) -> float:
        return float(np.std(self._defined(), ddof=1)) if len(self._defined()) > 1 else np.nan

    def interval(self, level: float) -> Interval:
        """Percentiles; `nan` where more than half of the replicates are not defined."""
        defined = self._defined()
        if 2 * len(defined) < len(self.replicates):
            return Interval(value=self.value, low=np.nan, high=np.nan)
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
        return Interval(value=self.value, low=float(low), high=float(high))

    def p_above(self, bound: float) -> float:
        defined = self._defined()
        return float((1 + (defined <= bound).sum()) / (1 + len(defined)))

    def p_below(self, bound: float) -> float:
        return Resampled(-self.value, -self.replicates).p_above(-bound)

    def _defined(self) -> Floats:
        return self.replicates[np.isfinite(self.replicates)]


def quantile(share: float) -> float:
    """The standard normal number that the share falls below."""
    return _STANDARD.inv_cdf(share)


def normal_tail(z: float) -> float:
    """The probability that a standard normal number is `z` or more."""
    return math.erfc(z / math.sqrt(2)) / 2


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses are refuted, so that one that is true is among them with probability `alpha` at most.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979: the smallest p-value has to reach `alpha / m`, the next `alpha / (m - 1)`, and so
    on to the first that does not. It holds however the hypotheses depend on each other.
    """
    refuted = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if not p_values[place] <= alpha / (len(p_values) - rank):
            break
        refuted[place] = True
    return refuted
