"""A sum of small trees that stands in for a model whose log-odds are no plain sum.

Its own shares are exact and cheap. It is fitted to what the model says, not to who churned, and
also on mixtures of two customers: the game of shares is played on those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingRegressor

from churn_core.protocols import Member
from churn_core.train.blend import LIMIT, log_odds
from churn_core.train.export.forest import Forest
from churn_core.train.export.sklearn_models import boosted_trees
from churn_core.train.reasons.players import Players

__all__ = ["stand_in"]

_MIXTURES = 15_000
_SETTINGS = {
    "n_estimators": 400,
    "max_depth": None,
    "max_leaf_nodes": 6,
    "learning_rate": 0.15,
    "subsample": 0.5,
    "max_features": 0.3,
    "min_samples_leaf": 20,
    "random_state": 0,
}


def stand_in(member: Member, players: Players, matrix: NDArray[np.float32]) -> Forest:
    """Fit a sum of small trees to a member's log-odds.

    Args:
        matrix: The training customers.
    """
    rows = np.concatenate([matrix, _mixtures(players, matrix)])
    odds = np.clip(log_odds(member.estimator, rows), -LIMIT, LIMIT)
    base = float(odds.mean())
    model = GradientBoostingRegressor(**_SETTINGS, init="zero").fit(rows, odds - base)
    return Forest(boosted_trees(model, np.ones(matrix.shape[1])), base)


def _mixtures(players: Players, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Customers with some players' columns of one training customer and the rest of another."""
    rng = np.random.default_rng(0)
    one, other = matrix[rng.integers(0, len(matrix), (2, _MIXTURES))]
    share = rng.random((_MIXTURES, 1))
    return np.where((rng.random((_MIXTURES, len(players))) < share)[:, players.owner], one, other)
