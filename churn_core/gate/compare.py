"""Two models on the same customers: by how much they differ, and how sure that is.

| metric | how |
|---|---|
| `roc_auc` | DeLong |
| `log_loss`, `brier` | the mean of the differences customer by customer, normal by its size |
| all others, `profit` among them | paired bootstrap |

**Surprises that did not happen.** A model that calls something all but impossible gains a little
with each customer as long as it does not happen, and the sample may hold none to whom it did: the
differences then look small and steady. So the error of a mean is never taken for less than what it
would be if customers left as the champion says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_core.bundle.policy import DecisionPolicy, decision_policy
from churn_core.gate.bootstrap import paired_replicates
from churn_core.gate.delong import auc_difference
from churn_core.gate.inference import Estimated, Normal
from churn_core.gate.metrics import LOSSES, METRICS, Metric, decision_metrics
from churn_core.gate.sample import Floats
from churn_core.params import CostParams

__all__ = ["COMPARABLE", "Rivals", "loss_difference"]

# Answers that differ by less are those of one model, fitted or exported twice.
_SAME = 1e-6

_AT_DEFAULT_COSTS = decision_metrics(decision_policy(CostParams()))
COMPARABLE: dict[str, Metric] = {
    name: metric
    for name, metric in {**METRICS, "profit": _AT_DEFAULT_COSTS["profit"]}.items()
    if metric.higher_is_better is not None
}
"""Metrics by which two models can be compared; those of money are computed under the prices of the day."""


@dataclass(frozen=True)
class Rivals:
    """What two models say of the same customers.

    Attributes:
        labels: `[rows]`, 1 for churn.
        candidate, champion: Probabilities, `[rows]`.
        policy: The prices under which both are compared.
        values: What each customer is worth, where that differs.
    """

    labels: NDArray[np.int64]
    candidate: Floats
    champion: Floats
    policy: DecisionPolicy
    values: Floats | None = None

    @property
    def same(self) -> bool:
        """Whether both give every customer the same answer, but for what arithmetic makes of it."""
        return float(np.max(np.abs(self.candidate - self.champion))) <= _SAME

    def difference(self, name: str) -> Estimated:
        """A metric of the candidate minus that of the champion.

        Raises:
            KeyError: The metric is not one of `COMPARABLE`.
        """
        if name == "roc_auc":
            return auc_difference(self.labels, self.candidate, self.champion)
        if name in LOSSES:
            return loss_difference(name, self.labels, self.candidate, self.champion)
        metric = {**METRICS, **decision_metrics(self.policy)}[name]
        return paired_replicates(self.labels, self.candidate, self.champion, metric, values=self.values)


def loss_difference(name: str, labels: ArrayLike, candidate: ArrayLike, champion: ArrayLike) -> Normal:
    """Mean of what each customer adds to a loss, candidate minus champion."""
    y, new, old = (np.asarray(one, dtype=np.float64) for one in (labels, candidate, champion))
    loss, rows = LOSSES[name], len(y)
    found = loss(y, new) - loss(y, old)
    if rows < 2:
        return Normal(float(np.mean(found)), np.nan)
    left, stayed = (loss(outcome, new) - loss(outcome, old) for outcome in (np.ones(rows), np.zeros(rows)))
    expected = old * left + (1 - old) * stayed
    foreseen = np.mean(old * (1 - old) * (left - stayed) ** 2) + np.var(expected)
    spread = max(float(np.var(found, ddof=1)), float(foreseen))
    return Normal(float(np.mean(found)), float(np.sqrt(spread / rows)))
