"""Which of the compared models make the blend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from churn_core.gate.metrics import log_loss
from churn_core.train.blend import blend, probabilities, to_log_odds, weights
from churn_core.train.candidates import Candidate

__all__ = ["choose"]


def choose(candidates: Iterable[Candidate], labels: NDArray[np.int64], most: int) -> list[Candidate]:
    """The best model, then whichever helps it most, as long as one does.

    Models join by the out-of-fold log loss of the blend that they would make, so that one that
    errs elsewhere is worth more than the twin of one that is in.

    Args:
        most: How many to choose at most.
    """
    left = sorted(candidates, key=lambda one: one.loss)
    chosen, left = left[:1], left[1:]
    while left and len(chosen) < most:
        best = min(left, key=lambda one: _loss([*chosen, one], labels))
        if _loss([*chosen, best], labels) >= _loss(chosen, labels):
            break
        chosen.append(best)
        left.remove(best)
    return chosen


def _loss(members: Sequence[Candidate], labels: NDArray[np.int64]) -> float:
    odds = [to_log_odds(one.out_of_fold) for one in members]
    return log_loss(labels, probabilities(blend(odds, weights([one.name for one in members]))))
