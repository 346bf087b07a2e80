"""How members become one score: the weighted mean of their log-odds.

The rule stands here for estimators and in `churn_core.train.export` for the graph:
`clip(log max(p1, s) - log max(p0, s), -L, L)` for each member, then the weighted sum. The
limit keeps one overconfident member from outvoting all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.protocols import Member
from churn_core.train.models import MODELS
from churn_core.train.scaling import final_model

__all__ = [
    "LIMIT",
    "SMALLEST",
    "blend",
    "blended_log_odds",
    "log_odds",
    "probabilities",
    "to_log_odds",
    "weights",
]

LIMIT = float(np.log(1e7))
SMALLEST = 1e-8


def log_odds(estimator: Any, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """A fitted estimator's log-odds of churn, `[rows]`, not yet limited."""
    if hasattr(final_model(estimator), "get_booster"):
        # XGBoost rounds probabilities to float32, too coarse near 1 to take log-odds of.
        return np.asarray(estimator.predict(matrix, output_margin=True), dtype=np.float64)
    shares = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
    return _log(shares[:, 1]) - _log(shares[:, 0])


def to_log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities to log-odds."""
    return _log(p) - _log(1.0 - p)


def probabilities(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds to probabilities."""
    return 1.0 / (1.0 + np.exp(-odds))


def blend(odds: Sequence[NDArray[np.float64]], shares: Sequence[float]) -> NDArray[np.float64]:
    """The weighted mean of log-odds, `[rows]`."""
    return np.clip(np.stack(odds), -LIMIT, LIMIT).T @ np.asarray(shares, dtype=np.float64)


def weights(names: Sequence[str]) -> tuple[float, ...]:
    """The same weight for every family of models, shared equally within it; they sum to 1.

    Two boosted ensembles say nearly the same: counted singly they would drown the one linear
    model that errs elsewhere. Weights fitted on a few thousand rows were no better.
    """
    families = [MODELS[name].family for name in names]
    return tuple(1.0 / (len(set(families)) * families.count(family)) for family in families)


def blended_log_odds(members: Sequence[Member], matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The fitted members' blended log-odds, `[rows]`, before calibration."""
    odds = [log_odds(member.estimator, matrix) for member in members]
    return blend(odds, [member.weight for member in members])


def _log(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, SMALLEST))
