"""Do intervals of probabilities hold on customers that no fit has seen?

Customers are ordered by probability and cut into groups of equal size. A group's churn rate is
known only up to its own noise, so it is held against the group's interval by Newcombe's hybrid of
two score intervals (Statistics in Medicine 17, 1998, "Interval estimation for the difference
between independent proportions", method 10): the distances of each estimate from the end that
faces the other add up as squares. Where intervals hold as often as they say, so many groups agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.band import BandReader, ProbabilityBand
from churn_core.gate.groups import wilson
from churn_core.train.blend import probabilities as sigmoid
from churn_core.train.blend import to_log_odds

__all__ = ["GROUPS", "ScoreGroup", "agrees", "score_groups"]

Floats = NDArray[np.float64]

GROUPS = 20
_FEWEST = 25  # customers of a group


@dataclass(frozen=True)
class ScoreGroup:
    """Customers who score alike.

    Attributes:
        rows: Who they are.
        probability: Mean of what they were told.
        low: Lower bound of the churn rate at that probability. Not the mean of the customers' bounds:
            estimates vary less together than each alone.
        high: Upper bound.
        found: Share of them that left, and its Wilson interval of the band's coverage.
        agrees: Whether what was found fits the bounds.
    """

    rows: NDArray[np.intp]
    probability: float
    low: float
    high: float
    found: tuple[float, float, float]
    agrees: bool


def score_groups(
    labels: NDArray[np.int64], probabilities: Floats, band: ProbabilityBand, most: int = GROUPS
) -> list[ScoreGroup]:
    """Customers from the lowest probability to the highest, in up to `most` groups of equal size."""
    reader = BandReader(band)
    z = NormalDist().inv_cdf((1 + band.coverage) / 2)
    groups: list[ScoreGroup] = []
    count = max(1, min(most, len(labels) // _FEWEST))
    for rows in np.array_split(np.argsort(probabilities, kind="stable"), count):
        rate = float(labels[rows].mean())
        found = (rate, *wilson(int(labels[rows].sum()), len(rows), z))
        mean = float(probabilities[rows].mean())
        low, high = reader(np.array([mean]))[:, 0].tolist()
        groups.append(ScoreGroup(rows, mean, low, high, found, agrees((low, high), found)))
    return groups


def agrees(bounds: tuple[float, float], found: tuple[float, float, float]) -> bool:
    """Whether a rate found with its own interval may be one that lies within bounds.

    Args:
        bounds: Of the true rate.
        found: The rate, and its lower and upper bound of the same coverage.
    """
    low, high = bounds
    rate, below, above = found
    # A score interval lies around its estimate with equal distances in log-odds.
    centre = float(sigmoid(to_log_odds(np.array(bounds)).mean()))
    if rate > centre:
        return (rate - centre) ** 2 <= (rate - below) ** 2 + (high - centre) ** 2
    return (rate - centre) ** 2 <= (above - rate) ** 2 + (centre - low) ** 2
