"""Shapley values of a game that is small enough to be written down.

A coalition's fields take the customer's values, the others those of a training customer drawn
at random; what the coalition is worth is the expected score of that mixture. See Lundberg and
Lee, "A Unified Approach to Interpreting Model Predictions", 2017, and for why the mixture does
not heed what goes with what, Janzing, Minorics and Blöbaum, "Feature relevance quantification in
explainable AI: a causal problem", 2020.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

__all__ = ["Table", "expected", "shapley", "worth"]

# One axis a player, one place on it for each outcome that the player can have.
Table = NDArray[np.float64]


def expected(values: Table, weights: Table) -> float:
    """The mean score of training customers: what the empty coalition is worth."""
    return float((values * weights).sum())


def worth(values: Table, weights: Table, coalition: tuple[int, ...]) -> Table:
    """What a coalition is worth for every customer; axes of other players have length 1.

    Args:
        values: The score.
        weights: The share of training customers with these outcomes.
    """
    others = tuple(axis for axis in range(values.ndim) if axis not in coalition)
    return (values * weights.sum(axis=coalition, keepdims=True)).sum(axis=others, keepdims=True)


def shapley(values: Table, weights: Table) -> NDArray[np.float64]:
    """Shapley values for every customer, `[players, *values.shape]`."""
    players = values.ndim
    result = np.zeros((players, *values.shape))
    for size in range(players + 1):
        for coalition in combinations(range(players), size):
            share = worth(values, weights, coalition) / players
            for player in range(players):
                # Joining gains what the coalition is worth with the player, less without.
                if player in coalition:
                    result[player] += share / comb(players - 1, size - 1)
                else:
                    result[player] -= share / comb(players - 1, size)
    return result
