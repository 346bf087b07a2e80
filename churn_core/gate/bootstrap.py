"""Bootstrap intervals: how far a metric could move had other customers fallen into the sample.

Customers are drawn with replacement from the whole sample (not within each class), because the
share of churners is as uncertain as all else, and precision, Brier score or profit move with it.
Intervals are percentiles of the replicates. All metrics see the same resamples, and two models
that are compared see the same customers. The same seed gives the same intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_core.bundle.manifest import Interval
from churn_core.errors import DataError
from churn_core.gate.inference import Resampled
from churn_core.gate.metrics import Metric, Sample

__all__ = ["bootstrap", "paired_bootstrap", "paired_replicates"]

# Counts of this many rows are held in memory at once, whatever the size of the sample.
_BLOCK = 1 << 20


def bootstrap(
    labels: ArrayLike,
    probabilities: ArrayLike,
    metrics: Mapping[str, Metric],
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    values: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Metrics of one sample with their intervals.

    Args:
        values: What each customer is worth, for metrics that ask for it.

    Returns:
        For each metric its value on the sample itself and the interval that holds `level` of the
        replicates. Replicates on which a metric is not defined are left out of its interval;
        where they are more than half, the bounds are `nan`.

    Raises:
        DataError: See `Sample`; or `replicates` is less than 1.
    """
    sample = Sample(labels, probabilities, values)
    once = sample.counts()
    points = {name: float(metric.replicates(sample, once)[0]) for name, metric in metrics.items()}
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in metrics}
    for drawn in _draws(len(sample), replicates, seed):
        counts = sample.counts(drawn)
        for name, metric in metrics.items():
            parts[name].append(metric.replicates(sample, counts))
    return {name: Resampled(points[name], np.concatenate(parts[name])).interval(level) for name in metrics}


def paired_bootstrap(
    labels: ArrayLike,
    candidate: ArrayLike,
    champion: ArrayLike,
    metric: Metric,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    values: ArrayLike | None = None,
) -> Interval:
    """The metric of `candidate` minus that of `champion`, both on the same customers.

    Raises:
        DataError: See `Sample`; or `replicates` is less than 1.
    """
    found = paired_replicates(labels, candidate, champion, metric, replicates, seed, values)
    return found.interval(level)


def paired_replicates(
    labels: ArrayLike,
    candidate: ArrayLike,
    champion: ArrayLike,
    metric: Metric,
    replicates: int = 1000,
    seed: int = 0,
    values: ArrayLike | None = None,
) -> Resampled:
    """The same difference with all its replicates.

    Raises:
        DataError: See `Sample`; or `replicates` is less than 1.
    """
    samples = Sample(labels, candidate, values), Sample(labels, champion, values)

    def difference(drawn: NDArray[np.float64] | None) -> NDArray[np.float64]:
        first, second = (metric.replicates(sample, sample.counts(drawn)) for sample in samples)
        return first - second

    parts = [difference(drawn) for drawn in _draws(len(samples[0]), replicates, seed)]
    return Resampled(float(difference(None)[0]), np.concatenate(parts))


def _draws(rows: int, replicates: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn, `[some replicates, rows]` at a time."""
    if replicates < 1:
        raise DataError(f"a bootstrap needs at least one replicate, not {replicates}")
    generator: Any = np.random.default_rng(seed)
    at_once = max(1, _BLOCK // rows)
    for start in range(0, replicates, at_once):
        block = np.empty((min(at_once, replicates - start), rows))
        for row in block:
            row[:] = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        yield block
