"""Which fields the model relies on: how much worse it predicts when one is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from churn_core.features import RawTable
from churn_core.train.evaluation.curves import Rows, rounded

__all__ = ["importance"]

_MOST_ROWS = 10_000
_EPSILON = 1e-7  # of the bundle's float32 probabilities

Floats = NDArray[np.float64]
Probabilities = Callable[[RawTable], NDArray[np.float32]]


def importance(
    raw: RawTable, labels: NDArray[np.int64], probabilities: Probabilities, repeats: int = 10, seed: int = 0
) -> Rows:
    """Permutation importance of each customer field, the largest first.

    The values of one field are exchanged between customers, all others stay. The increase in
    log loss is the mean over shuffles; its interval is 1.96 standard errors over customers. Where a
    field has no more than `repeats` values, everybody is given each of them, weighted by how
    often it occurs: the mean over all shuffles there are. Other fields are shuffled `repeats` times.

    Fields that say the same share their importance, and shuffling may make customers that no
    schema allows: it measures what the model uses, not what causes churn. Of a large hold-out,
    10,000 customers drawn by `seed` are used.
    """
    generator = np.random.default_rng(seed)
    if len(raw) > _MOST_ROWS:
        chosen = np.sort(generator.choice(len(raw), _MOST_ROWS, replace=False))
        raw, labels = RawTable(raw.spec, raw.values[chosen]), labels[chosen]
    before = _losses(labels, probabilities(raw))
    rows: Rows = []
    for index, field in enumerate(raw.spec.fields):
        increase = np.zeros(len(raw))
        for weight, column in _shuffled(raw.values[:, index], repeats, generator):
            values = raw.values.copy()
            values[:, index] = column
            increase += weight * (_losses(labels, probabilities(RawTable(raw.spec, values))) - before)
        mean, half = _mean_and_half_width(increase)
        rows.append(
            {
                "name": field.name,
                "description": field.description,
                "log_loss_increase": rounded(mean),
                "low": rounded(mean - half),
                "high": rounded(mean + half),
            }
        )
    return sorted(rows, key=lambda row: -row["log_loss_increase"])


def _shuffled(
    column: Floats, repeats: int, generator: np.random.Generator
) -> Iterator[tuple[float, Floats | float]]:
    """What takes the column's place, with its weight."""
    known, counts = np.unique(column, return_counts=True)
    if len(known) <= repeats:
        yield from zip((counts / len(column)).tolist(), known.tolist(), strict=True)
    else:
        yield from ((1 / repeats, generator.permutation(column)) for _ in range(repeats))


def _losses(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Floats:
    p = np.clip(probabilities.astype(np.float64), _EPSILON, 1 - _EPSILON)
    return -np.log(np.where(labels > 0, p, 1 - p))


def _mean_and_half_width(values: Floats) -> tuple[float, float]:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(np.mean(values)), float(1.96 * error)
