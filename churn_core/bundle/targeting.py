"""Whom to contact when not everybody can be: with so many calls, or with so much money.

- With a number of contacts (`capacity`), the most profitable customers are the best choice:
  swapping any of them for another one cannot bring more.
- With a sum of money (`budget`) and contacts that cost differently, the best choice is a knapsack
  problem. The choice here takes the highest profit per unit of money first and fills up with what
  still fits. No choice brings more than `bound`, the optimum if the one customer at whom the money
  runs out could be contacted in part (Dantzig, "Discrete-Variable Extremum Problems", Operations
  Research 5, 1957). So less than the profit of that one customer is given away, and never more
  than half of the optimum. Where all contacts cost the same, the choice is the best one.

Customers who are expected to bring nothing are not contacted, whatever the means. Among equally
good customers the earlier row is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_core.bundle.policy import DecisionPolicy
from churn_core.errors import DataError

__all__ = ["Targets", "best_contacts", "choose_targets"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Sums of many costs are rounded: a budget that is just enough must be enough.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Targets:
    """Whom to contact.

    Attributes:
        rows: Chosen rows, counted from 0, int64 `[contacts]`, in the order in which they were chosen.
        profit: Expected profit of contacting them.
        cost: What contacting them is expected to cost.
        bound: No choice within the same means has a higher expected profit.
    """

    rows: Rows
    profit: float
    cost: float
    bound: float

    def __len__(self) -> int:
        return len(self.rows)


def best_contacts(
    policy: DecisionPolicy,
    probabilities: ArrayLike,
    values: ArrayLike | None = None,
    *,
    capacity: int | None = None,
    budget: float | None = None,
) -> Targets:
    """Choose customers by expected profit under a policy; a threshold set by hand has no part in it.

    Args:
        probabilities: Of churn, `[rows]`.
        values: What each customer is worth, where the policy values them one by one.
        capacity: How many can be contacted.
        budget: What may be spent, as expected: each contact, and offers to those who take them.

    Raises:
        DataError: See `choose_targets`; or values are missing.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    worth = None if values is None else np.asarray(values, dtype=np.float64)
    profits = policy.expected_profit(p, worth)
    return choose_targets(profits, policy.expected_cost(p), capacity=capacity, budget=budget)


def choose_targets(
    profits: ArrayLike,
    costs: ArrayLike = 0.0,
    *,
    capacity: int | None = None,
    budget: float | None = None,
) -> Targets:
    """Choose rows for the highest total profit.

    Args:
        profits: Expected profit of contacting each, costs already taken off, `[rows]`.
        costs: What each contact costs: one for all, or `[rows]`.
        capacity: How many may be chosen. With neither limit, all who bring something are.
        budget: What may be spent.

    Raises:
        DataError: A number is not finite, a cost or a limit is negative, lengths differ, or both
            limits are given.
    """
    profit, cost = _checked(profits, costs)
    if capacity is not None and budget is not None:
        raise DataError("give a capacity or a budget, not both")
    if (capacity or 0) < 0 or not 0 <= (budget or 0.0) < np.inf:
        raise DataError("a capacity or a budget must be 0 or more")
    useful: Rows = np.flatnonzero(profit > 0)
    if budget is None:
        order = useful[np.argsort(-profit[useful], kind="stable")][:capacity]
        total = float(profit[order].sum())
        return Targets(order, total, float(cost[order].sum()), total)
    return _within_budget(useful, profit, cost, budget)


def _within_budget(useful: Rows, profit: Floats, cost: Floats, budget: float) -> Targets:
    limit = budget * (1 + _ROUNDING)
    useful = useful[cost[useful] <= limit]
    with np.errstate(divide="ignore"):
        rate = profit[useful] / cost[useful]
    order = useful[np.lexsort((-profit[useful], -rate))]
    spent, earned = np.cumsum(cost[order]), np.cumsum(profit[order])
    fits = int(np.searchsorted(spent, limit, side="right"))
    used, base = (float(spent[fits - 1]), float(earned[fits - 1])) if fits else (0.0, 0.0)
    chosen = np.append(order[:fits], _filling(order[fits:], cost, limit - used))
    if fits == len(order):
        return _targets(chosen, profit, cost, base)
    marginal = order[fits]
    bound = base + (limit - used) * float(profit[marginal] / cost[marginal])
    if cost[order].min() == cost[order].max():
        bound = base  # all contacts cost the same: nothing is better than the most profitable ones
    if profit[marginal] > profit[chosen].sum():
        left = order[order != marginal]
        chosen = np.append(marginal, _filling(left, cost, limit - float(cost[marginal])))
    return _targets(chosen, profit, cost, bound)


def _filling(order: Rows, cost: Floats, left: float) -> Rows:
    """What still fits into the money left, in order."""
    parts: list[Rows] = []
    while len(order := order[cost[order] <= left]):
        spent = np.cumsum(cost[order])
        fits = int(np.searchsorted(spent, left, side="right"))
        parts.append(order[:fits])
        left -= float(spent[fits - 1])
        order = order[fits:]
    return np.concatenate(parts) if parts else order


def _targets(rows: Rows, profit: Floats, cost: Floats, bound: float) -> Targets:
    total = float(profit[rows].sum())
    return Targets(rows, total, float(cost[rows].sum()), max(bound, total))


def _checked(profits: ArrayLike, costs: ArrayLike) -> tuple[Floats, Floats]:
    profit, cost = np.asarray(profits, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if profit.ndim != 1 or cost.shape not in ((), profit.shape):
        raise DataError(f"profits {profit.shape} and costs {cost.shape} must be lists of one length")
    if not (np.isfinite(profit).all() and np.isfinite(cost).all() and (cost >= 0).all()):
        raise DataError("profits and costs must be finite numbers, and no cost negative")
    return profit, np.broadcast_to(cost, profit.shape)
