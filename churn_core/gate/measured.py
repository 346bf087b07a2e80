"""One model's metrics with their standard errors, as found and as a manifest recorded them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Interval
from churn_core.gate.delong import auc
from churn_core.gate.inference import Normal
from churn_core.gate.metrics import LOSSES

__all__ = ["MEASURED", "measured", "recorded"]

MEASURED = ("roc_auc", *LOSSES)
"""The metrics whose error is known without resampling."""

_Z = 1.96  # half an interval of 95 % in standard errors


def measured(name: str, labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Normal:
    """One of `MEASURED` on a sample."""
    if name == "roc_auc":
        return auc(labels, probabilities)
    losses = LOSSES[name](labels.astype(np.float64), probabilities)
    return Normal(float(losses.mean()), float(losses.std()) / math.sqrt(len(losses)))


def recorded(interval: Interval) -> Normal:
    """What a manifest says of a metric."""
    return Normal(interval.value, (interval.high - interval.low) / (2 * _Z))
