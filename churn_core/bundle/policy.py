"""From a probability to a decision: threshold, risk level and expected profit.

Contacting a customer who would churn with probability p is worth, on average,
`p (g (V - d) - f) - (1 - p) (d + f)`: a would-be churner accepts the offer with
probability g and is kept; a loyal customer takes the offer and changes nothing. This is the
per-customer form of the profit in Verbraken, Verbeke and Baesens, "A Novel Profit Maximizing
Metric for Measuring Classification Performance of Customer Churn Prediction Models", IEEE
TKDE 25(5), 2013, with the mean g = alpha / (alpha + beta) of the Beta-distributed acceptance.

The value V is the same for all customers (CLV in the paper), or each customer's own where the
costs name a `value_field`. Then break-even differs from customer to customer, too.

Proposing a change of what a customer has, after which he would leave with probability p', is worth
`g (p - p') V - (1 - p + g p) c - f`: the same customers take it as take an offer, it costs c for each
of them, and of the would-be churners among them the share p' / p leaves all the same. An offer is the
change that keeps everybody: with p' = 0 and c = d both formulas are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.errors import DataError, ParamsError
from churn_core.features import FieldReference, RawTable
from churn_core.params import CostParams
from churn_core.schemas import FieldSpec, Move, SchemaSpec
from churn_core.schemas.rules import Frozen, added
from churn_core.schemas.spec import value_name
from churn_core.schemas.wire import RiskLevel

__all__ = ["DecisionPolicy", "check_costs", "decision_policy", "moves_on_offer"]


class DecisionPolicy(Frozen):
    """How a bundle decides. Where customers have values of their own, pass them wherever asked.

    Attributes:
        version: 1 as trained; one more each time the policy of a bundle is changed.
        threshold: Probability from which `churn_prediction` is 1; with values of their own, that
            of a typical customer.
        gain: Expected profit of contacting a sure churner, `g (V - d) - f`, of a typical value.
        loss: Cost of contacting a sure non-churner, `d + f`.
        costs: What the figures above come from.
    """

    version: int = added(1, ge=1)
    threshold: float
    medium_risk: float
    high_risk: float
    gain: float
    loss: float
    costs: CostParams

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides; equal policies have equal digests, whatever their version."""
        return hashlib.sha256(self.model_dump_json(exclude={"version"}).encode()).hexdigest()

    @property
    def acceptance(self) -> float:
        """Mean share of would-be churners who accept the offer."""
        return _acceptance(self.costs)

    @property
    def typical_value(self) -> float:
        """What a customer is worth: each, or a typical one where they differ."""
        costs = self.costs
        if not costs.value_field:
            return costs.customer_value
        return (self.gain + costs.contact_cost) / self.acceptance + costs.offer_cost

    def values(self, raw: RawTable) -> NDArray[np.float64] | None:
        """What each customer is worth, `[rows]`; `None` where all are worth the same.

        Raises:
            FeatureError: The schema lacks the field that values come from.
        """
        if not self.costs.value_field:
            return None
        return raw.number(self.costs.value_field) * self.costs.value_months

    def gain_of(self, values: Any = None) -> Any:
        """Expected profit of contacting a sure churner of that value.

        Raises:
            DataError: Customers have values of their own, and they are not given.
        """
        if not self.costs.value_field:
            return self.gain
        if values is None:
            raise DataError(f"customers are valued by {self.costs.value_field!r}: give their values")
        return _gain(self.costs, values)

    def threshold_of(self, values: Any = None) -> Any:
        """Probability from which contacting a customer of that value is decided."""
        if self.costs.threshold != "profit" or not self.costs.value_field:
            return self.threshold
        return _break_even(self.gain_of(values), self.loss)

    def expected_profit(self, probability: Any, values: Any = None) -> Any:
        """Expected profit of contact; a number for a number, an array for an array."""
        return probability * (self.gain_of(values) + self.loss) - self.loss

    def outcome(self, churned: Any, values: Any = None) -> Any:
        """Profit of having contacted those who then churned (1) or stayed (0)."""
        return np.where(np.asarray(churned) > 0, self.gain_of(values), -self.loss)

    def expected_cost(self, probability: Any) -> Any:
        """Expected spending on a contact: `f + d (1 - p + g p)`, an offer costs only whom it is taken by."""
        return self.costs.contact_cost + self.costs.offer_cost * self._taken(probability)

    def profit_of_change(self, probability: Any, changed: Any, cost: Any, value: float | None = None) -> Any:
        """Expected profit of proposing a change.

        Args:
            probability: Of churn, as the customer is.
            changed: The same after the change.
            cost: What the change costs where it is accepted.
            value: What the customer is worth; without it, as much as a typical one.
        """
        worth = self.typical_value if value is None else value
        kept = self.acceptance * (probability - changed)
        return kept * worth - self._taken(probability) * cost - self.costs.contact_cost

    def _taken(self, probability: Any) -> Any:
        """How likely a customer takes what is offered: a loyal one always, a would-be churner with g."""
        return 1 - probability + self.acceptance * probability

    def risk(self, probability: float) -> RiskLevel:
        if probability >= self.high_risk:
            return "HIGH"
        return "MEDIUM" if probability >= self.medium_risk else "LOW"


def decision_policy(costs: CostParams, reference: Sequence[FieldReference] = ()) -> DecisionPolicy:
    """The policy that maximises expected profit under `costs`, or uses its fixed threshold.

    Args:
        reference: What training customers look like: where costs name a `value_field`, a
            customer whose field is typical stands for all where one number is asked for.

    Raises:
        ParamsError: `value_field` is not a numeric field of `reference`.
    """
    gain, loss = _gain(costs, _typical_value(costs, reference)), costs.offer_cost + costs.contact_cost
    break_even = float(_break_even(gain, loss))
    return DecisionPolicy(
        threshold=break_even if costs.threshold == "profit" else float(costs.threshold),
        medium_risk=costs.medium_risk,
        high_risk=costs.high_risk,
        gain=gain,
        loss=loss,
        costs=costs,
    )


def check_costs(costs: CostParams, spec: SchemaSpec) -> None:
    """Refuse costs that speak of what the schema does not have.

    Raises:
        ParamsError: `value_field` is not a numeric field of the schema, or `moves` names a move that
            it does not have.
    """
    _known(costs.value_field, [field.name for field in spec.fields if field.role == "numeric"])
    for name, prices in costs.moves.items():
        moves = spec.field(name).moves if name in spec.positions else ()
        allowed = [value_name(move.to) for move in moves]
        for to in prices:
            if to not in allowed:
                raise ParamsError(_no_move(name, to, allowed))


def moves_on_offer(costs: CostParams, field: FieldSpec) -> list[Move]:
    """A field's moves with what they cost, those that are not on offer left out."""
    prices = costs.moves.get(field.name, {})
    priced = [(move, prices.get(value_name(move.to), move.cost)) for move in field.moves]
    return [move.model_copy(update={"cost": cost}) for move, cost in priced if cost is not None]


def _acceptance(costs: CostParams) -> float:
    return costs.acceptance_alpha / (costs.acceptance_alpha + costs.acceptance_beta)


def _gain(costs: CostParams, value: Any) -> Any:
    return _acceptance(costs) * (value - costs.offer_cost) - costs.contact_cost


def _break_even(gain: Any, loss: float) -> Any:
    """Where `p (gain + loss) = loss`.

    1 where even a sure churner costs more than he brings: nobody is worth a contact then.
    """
    total = np.asarray(gain + loss)
    pays = total > loss
    return np.where(pays, loss / np.where(pays, total, 1.0), 1.0)


def _typical_value(costs: CostParams, reference: Sequence[FieldReference]) -> float:
    if not costs.value_field:
        return costs.customer_value
    numbers = {one.field: float(one.typical) for one in reference if one.quantiles}
    _known(costs.value_field, list(numbers))
    return numbers[costs.value_field] * costs.value_months


def _known(name: str, numeric: Sequence[str]) -> None:
    if name and name not in numeric:
        raise ParamsError(
            f"costs.value_field {name!r} is not a numeric field of the schema: {', '.join(numeric) or 'none'}"
        )


def _no_move(name: str, to: str, allowed: Sequence[str]) -> str:
    choice = ", ".join(map(repr, dict.fromkeys(allowed))) or "none"
    # YAML reads a bare Yes as true, which is hard to guess from what is said without a hint.
    hint = "; put texts such as 'Yes' in quotes" if to in ("true", "false") else ""
    return f"costs.moves: field {name!r} has no move to {to!r}, but to {choice}{hint}"
