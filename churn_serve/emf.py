"""Metrics for CloudWatch in the line that is logged for a request anyway.

CloudWatch reads them from there (Embedded Metric Format): no agent, no call that a request waits
for. The fields `route`, `status`, `milliseconds`, `customers` and `model` of the line are what counts.

Specification: "Embedded metric format" in the user guide of Amazon CloudWatch.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from churn_serve.logs import Finish
from churn_serve.settings import Settings

__all__ = ["metrics_for", "with_metrics"]

# Each value of each set is a metric that costs money, so the sets are few and their values known.
_DIMENSIONS = [["Route"], ["Model"], ["Route", "StatusClass", "Model"]]
_METRICS = [
    {"Name": "Latency", "Unit": "Milliseconds"},
    {"Name": "Requests", "Unit": "Count"},
    {"Name": "Errors", "Unit": "Count"},
    {"Name": "Customers", "Unit": "Count"},
]


def metrics_for(settings: Settings, *, on_lambda: bool = False) -> Finish | None:
    """How the log is to finish a request's line, if metrics are wanted in it."""
    wanted = settings.metrics == "emf" or (settings.metrics == "auto" and on_lambda)
    return partial(with_metrics, namespace=settings.metrics_namespace) if wanted else None


def with_metrics(fields: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The fields of a request's line, and with them its metrics.

    An error is what the service is to blame for: a status from 500.
    """
    directive = {"Namespace": namespace, "Dimensions": _DIMENSIONS, "Metrics": _METRICS}
    return {
        **fields,
        "Latency": fields["milliseconds"],
        "Requests": 1,
        "Errors": int(fields["status"] >= 500),
        "Customers": fields["customers"],
        "Route": fields["route"],
        "StatusClass": f"{fields['status'] // 100}xx",
        "Model": fields["model"] or "none",
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
    }
