"""Profit of a retention campaign: profit and lift curves, MPC and EMPC.

Whoever contacts all customers from some probability upwards earns, per customer of the base and
where a share gamma of the would-be churners accepts,

    P(gamma) = gamma A - C,   A = mean of y (V - d),   C = mean of y f + (1 - y) (d + f),

both over all customers, with 0 for those who are not contacted; y is 1 for a churner, V his
value, d the cost of an offer that is taken, f the cost of a contact. With one value V for all
this is the profit of Verbraken, Verbeke and Baesens, "A Novel Profit Maximizing Metric for
Measuring Classification Performance of Customer Churn Prediction Models", IEEE TKDE 25(5), 2013.

- MPC is the largest P at the mean of gamma, over all cut-offs.
- EMPC is the mean over gamma ~ Beta(alpha, beta) of the largest P, the cut-off chosen for each
  gamma. Only corners of the upper hull of the points (C, A) are ever best: with one value for
  all, of the hull of the ROC curve. The step (dC, dA) from one corner to the next pays where gamma
  exceeds dC / dA, so that EMPC = sum of dA E[(gamma - dC / dA)+], exactly.

Customers are contacted in the order of their probabilities; where they have values of their own,
in the order of their expected profit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.policy import DecisionPolicy
from churn_core.gate.beta import mean_excess, survival
from churn_core.gate.hull import upper_hull
from churn_core.gate.sample import Floats, Metric, Sample, ratio

__all__ = ["Curve", "lift_curve", "profit_curve", "profit_metrics"]

# Cut-offs whose profits differ by less than this share are equally good: fewer contacts win.
_EQUAL = 1e-12


@dataclass(frozen=True)
class Curve:
    """A quantity at every cut-off, from nobody to everybody.

    Attributes:
        share: Share of customers contacted, float64 `[cuts]`, from 0 to 1.
        value: The quantity, float64 `[cuts]`.
    """

    share: Floats
    value: Floats

    @property
    def best(self) -> tuple[float, float]:
        """Share and value where the value is highest, of equal ones at the lowest share."""
        place = int(_first_best(self.value[None])[0])
        return float(self.share[place]), float(self.value[place])


def profit_curve(sample: Sample, policy: DecisionPolicy) -> Curve:
    """Profit per customer of the sample at the mean acceptance, by share of customers contacted.

    Between two cut-offs the line between them is the mean over all orders of equal customers.
    """
    path = _path(sample, sample.counts(), policy)
    return Curve(path.contacted[0] / path.rows[0], path.profit(policy)[0] / path.rows[0])


def lift_curve(sample: Sample) -> Curve:
    """Churn rate of the riskiest customers over that of all, by share of customers."""
    positives, negatives = (part[0] for part in sample.cumulated(sample.counts()))
    shares = (positives + negatives) / len(sample)
    with np.errstate(invalid="ignore"):
        return Curve(shares, positives / positives[-1] / shares)


def profit_metrics(policy: DecisionPolicy) -> dict[str, Metric]:
    """MPC and EMPC under the costs of `policy`, each with the share of customers to contact."""

    def metric(name: str, title: str, found: Callable[[_Path, DecisionPolicy], Floats]) -> Metric:
        best = None if name.endswith("fraction") else True
        return Metric(name, title, lambda s, c: _per_customer(found, _path(s, c, policy), policy), best)

    metrics = (
        metric("empc", "Expected maximum profit per customer (EMPC)", _empc),
        metric("empc_fraction", "Share to contact for the expected maximum profit", _empc_fraction),
        metric("mpc", "Maximum profit per customer (MPC)", _mpc),
        metric("mpc_fraction", "Share to contact for the maximum profit", _mpc_fraction),
    )
    return {one.name: one for one in metrics}


@dataclass(frozen=True)
class _Path:
    """What contacting more and more customers adds up to, the first cut-off contacting nobody.

    Attributes:
        worth: What would be kept if all would-be churners accepted, `[replicates, cuts]`.
        spent: What contacts cost before anybody accepts, `[replicates, cuts]`.
        contacted: Customers, `[replicates, cuts]`.
        rows: All customers, `[replicates]`.
    """

    worth: Floats
    spent: Floats
    contacted: Floats
    rows: Floats

    def profit(self, policy: DecisionPolicy) -> Floats:
        """Profit at the mean acceptance, `[replicates, cuts]`."""
        return policy.acceptance * self.worth - self.spent


def _path(sample: Sample, counts: Floats, policy: DecisionPolicy) -> _Path:
    costs = policy.costs
    if costs.value_field:
        positives, negatives, worth = _cumulated_values(sample, counts, policy)
    else:
        positives, negatives = sample.cumulated(counts)
        worth = (costs.customer_value - costs.offer_cost) * positives
    spent = costs.contact_cost * positives + policy.loss * negatives
    worth, spent, contacted = (
        np.pad(part, ((0, 0), (1, 0))) for part in (worth, spent, positives + negatives)
    )
    return _Path(worth, spent, contacted, counts.sum(axis=1))


def _cumulated_values(
    sample: Sample, counts: Floats, policy: DecisionPolicy
) -> tuple[Floats, Floats, Floats]:
    """Churners, others, and what churners are worth less an offer, the best contacts first."""
    profits: Floats = policy.expected_profit(sample.probabilities, sample.values)
    order = np.argsort(-profits, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(profits[order])), len(order) - 1)
    drawn, churned = counts[:, order], sample.labels[order]
    stakes = np.asarray(sample.values)[order] - policy.costs.offer_cost
    rows = (drawn * churned, drawn * (1 - churned), drawn * churned * stakes)
    positives, negatives, worth = (np.cumsum(row, axis=1)[:, ends] for row in rows)
    return positives, negatives, worth


def _per_customer(
    found: Callable[[_Path, DecisionPolicy], Floats], path: _Path, policy: DecisionPolicy
) -> Floats:
    return ratio(found(path, policy), path.rows)


def _mpc(path: _Path, policy: DecisionPolicy) -> Floats:
    return path.profit(policy).max(axis=1)


def _mpc_fraction(path: _Path, policy: DecisionPolicy) -> Floats:
    best = _first_best(path.profit(policy))
    return path.contacted[np.arange(len(best)), best]


def _first_best(profit: Floats) -> NDArray[np.intp]:
    best = profit.max(axis=1, keepdims=True)
    return (profit >= best - _EQUAL * np.abs(best)).argmax(axis=1)


def _empc(path: _Path, policy: DecisionPolicy) -> Floats:
    costs = policy.costs
    steps = _steps(path)
    excess = mean_excess(steps.breaks, costs.acceptance_alpha, costs.acceptance_beta)
    return steps.summed(steps.worth * excess)


def _empc_fraction(path: _Path, policy: DecisionPolicy) -> Floats:
    costs = policy.costs
    steps = _steps(path)
    chance = survival(steps.breaks, costs.acceptance_alpha, costs.acceptance_beta)
    return steps.summed(steps.contacted * chance)


@dataclass(frozen=True)
class _Steps:
    """Steps along the hulls of all replicates, one after the other, each `[steps]`.

    Attributes:
        breaks: The acceptance from which a step pays.
    """

    replicates: int
    replicate: NDArray[np.intp]
    worth: Floats
    contacted: Floats
    breaks: Floats

    def summed(self, numbers: Floats) -> Floats:
        """Sums over the steps of each replicate, `[replicates]`."""
        total = np.zeros(self.replicates)
        np.add.at(total, self.replicate, numbers)
        return total


def _steps(path: _Path) -> _Steps:
    hulls = [upper_hull(spent, worth) for spent, worth in zip(path.spent, path.worth, strict=True)]
    corners = np.concatenate(hulls)
    of = np.repeat(np.arange(len(hulls)), [len(hull) for hull in hulls])
    within = np.flatnonzero(of[1:] == of[:-1])
    worth, spent, contacted = (
        np.diff(part[of, corners])[within] for part in (path.worth, path.spent, path.contacted)
    )
    breaks = spent / worth
    pays = breaks < 1
    return _Steps(len(hulls), of[within][pays], worth[pays], contacted[pays], breaks[pays])
