"""How sure a probability is: an interval for the churn rate of customers who score alike.

`ProbabilityBand` is data in the manifest, computed in training by `churn_core.train.band`. Here it
is only looked up: piecewise linear between knots, with operations that give one row the same bits as
many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_core.schemas.rules import Frozen, added

__all__ = ["BandReader", "ProbabilityBand"]

Floats = NDArray[np.float64]


class ProbabilityBand(Frozen):
    """Bounds of the churn rate by calibrated probability, all lists of one length.

    Attributes:
        coverage: Share of customers for whom the churn rate of those who score alike is to lie within.
        neighbours: How many training customers of similar scores a bound rests on, at most.
        probabilities: Knots, rising from 0 to 1.
        low: Lower bounds at the knots.
        high: Upper bounds at the knots.
        spread: Standard deviation in log-odds, part of the bounds, of what another fit of the same
            model would say about customers who score alike.
    """

    coverage: float
    neighbours: int
    probabilities: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    spread: float = added(0.0)


class BandReader:
    """Looks bounds up; safe to share between threads."""

    def __init__(self, band: ProbabilityBand) -> None:
        self.coverage = band.coverage
        self._knots = np.array(band.probabilities)
        self._bounds = np.array([band.low, band.high])

    def __call__(self, probabilities: Floats) -> Floats:
        """Lower and upper bounds, float64 `[2, rows]`, of float64 `[rows]`."""
        left = np.searchsorted(self._knots[1:-1], probabilities, side="right")
        start, end = self._knots[left], self._knots[left + 1]
        share = (probabilities - start) / (end - start)
        # Both ends weighted, so that rounding never puts the lower bound above the upper.
        bounds = self._bounds[:, left] * (1 - share) + self._bounds[:, left + 1] * share
        return np.minimum(bounds, 1.0)
