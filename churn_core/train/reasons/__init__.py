"""Each field's share in a customer's log-odds, worked out when a model is exported.

The shares are Shapley values: what a field's value adds, on average over all orders in which the
customer's values can take the place of those of a training customer, and over all training
customers. They add up to the customer's log-odds less the mean of all training customers. What
can be known of them beforehand is written into a graph, so that looking them up takes no longer
than the score itself.
"""

from __future__ import annotations

from churn_core.train.reasons.build import export_reasons

__all__ = ["export_reasons"]
