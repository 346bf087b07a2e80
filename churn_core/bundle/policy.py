"""From a probability to a decision: threshold, risk level and expected profit.

Contacting a customer who would churn with probability p is worth, on average,
`p (g (CLV - d) - f) - (1 - p) (d + f)`: a would-be churner accepts the offer with
probability g and is kept; a loyal customer takes the offer and changes nothing. This is the
per-customer form of the profit in Verbraken, Verbeke and Baesens, "A Novel Profit Maximizing
Metric for Measuring Classification Performance of Customer Churn Prediction Models", IEEE
TKDE 25(5), 2013, with the mean g = alpha / (alpha + beta) of the Beta-distributed acceptance.
"""

from __future__ import annotations

from typing import Any

from churn_core.params import CostParams
from churn_core.schemas.rules import Frozen
from churn_core.schemas.wire import RiskLevel

__all__ = ["DecisionPolicy", "decision_policy"]


class DecisionPolicy(Frozen):
    """How a bundle decides.

    Attributes:
        threshold: Probability from which `churn_prediction` is 1.
        gain: Expected profit of contacting a sure churner, `g (CLV - d) - f`.
        loss: Cost of contacting a sure non-churner, `d + f`.
        costs: What the figures above come from.
    """

    threshold: float
    medium_risk: float
    high_risk: float
    gain: float
    loss: float
    costs: CostParams

    def expected_profit(self, probability: Any) -> Any:
        """Expected profit of contact; a number for a number, an array for an array."""
        return probability * (self.gain + self.loss) - self.loss

    def risk(self, probability: float) -> RiskLevel:
        if probability >= self.high_risk:
            return "HIGH"
        return "MEDIUM" if probability >= self.medium_risk else "LOW"


def decision_policy(costs: CostParams) -> DecisionPolicy:
    """The policy that maximises expected profit under `costs`, or uses its fixed threshold."""
    acceptance = costs.acceptance_alpha / (costs.acceptance_alpha + costs.acceptance_beta)
    gain = acceptance * (costs.customer_value - costs.offer_cost) - costs.contact_cost
    loss = costs.offer_cost + costs.contact_cost
    # Where even a sure churner costs more than he brings, nobody is worth a contact.
    break_even = min(loss / (gain + loss), 1.0) if gain + loss > 0 else 1.0
    threshold = break_even if costs.threshold == "profit" else float(costs.threshold)
    return DecisionPolicy(
        threshold=threshold,
        medium_risk=costs.medium_risk,
        high_risk=costs.high_risk,
        gain=gain,
        loss=loss,
        costs=costs,
    )
