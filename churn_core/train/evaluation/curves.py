"""Curves of a scored sample as rows of numbers: what figures draw and `dvc plots` compares.

Numbers are rounded to six decimals, so that equal results give equal files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import DecisionPolicy
from churn_core.gate.groups import wilson
from churn_core.gate.metrics import Confusion, Sample
from churn_core.gate.profit import profit_curve

__all__ = ["Rows", "calibration", "confusion_rows", "gains", "pr", "rounded", "roc", "scores"]

Rows = list[dict[str, Any]]

# A larger sample gives smoother curves, not larger files.
_POINTS = 400
_ROWS = 5000


def rounded(value: float | None, digits: int = 6) -> float | None:
    """The number as files carry it; `None` for what is not defined."""
    if value is None or not np.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def roc(sample: Sample) -> Rows:
    """True against false positive rate, from the highest threshold down, starting at (0, 0)."""
    positives, negatives = (np.append(0.0, part[0]) for part in sample.cumulated(sample.counts()))
    x, y = negatives / negatives[-1], positives / positives[-1]
    corners = _thinned(_corners(x, y))
    return [{"false_positive_rate": rounded(x[i]), "true_positive_rate": rounded(y[i])} for i in corners]


def pr(sample: Sample) -> Rows:
    """Precision against recall, from the highest threshold down."""
    positives, negatives = (part[0] for part in sample.cumulated(sample.counts()))
    recall, precision = positives / positives[-1], positives / (positives + negatives)
    points = _thinned(np.arange(len(recall)))
    return [{"recall": rounded(recall[i]), "precision": rounded(precision[i])} for i in points]


def gains(sample: Sample, policy: DecisionPolicy) -> Rows:
    """For each percent of customers, riskiest first: share of all churners among them, lift, profit.

    `profit` is per customer of the whole sample, had exactly that share been contacted, the most
    profitable first. Among equal customers, the mean over all orders counts.
    """
    positives, negatives = sample.cumulated(sample.counts())
    total = np.append(0.0, (positives + negatives)[0])
    shares = np.arange(101) / 100
    found = np.interp(shares * total[-1], total, np.append(0.0, positives[0]))
    curve = profit_curve(sample, policy)
    value = np.interp(shares, curve.share, curve.value)
    return [
        {
            "percent": percent,
            "gain": rounded(found[percent] / found[-1]),
            "lift": rounded(found[percent] / found[-1] / shares[percent]) if percent else None,
            "profit": rounded(value[percent]),
        }
        for percent in range(101)
    ]


def calibration(sample: Sample, bins: int = 10) -> Rows:
    """Mean prediction and churn rate, with its 95 % interval, in groups of about equal size."""
    rows: Rows = []
    for members in _equal_parts(sample, bins):
        labels = sample.labels[members]
        low, high = wilson(int(labels.sum()), len(labels))
        rows.append(
            {
                "predicted": rounded(sample.probabilities[members].mean()),
                "observed": rounded(labels.mean()),
                "low": rounded(low),
                "high": rounded(high),
                "customers": len(labels),
            }
        )
    return rows[::-1]


def scores(sample: Sample, bins: int = 20) -> Rows:
    """Customers who stayed and who churned by predicted probability, in `bins` parts of equal width.

    `probability` is the middle of its part.
    """
    stayed, churned = (
        np.histogram(sample.probabilities[sample.labels == outcome], bins=bins, range=(0.0, 1.0))[0].tolist()
        for outcome in (0.0, 1.0)
    )
    return [
        {"probability": rounded((part + 0.5) / bins), "stayed": stayed[part], "churned": churned[part]}
        for part in range(bins)
    ]


def confusion_rows(cells: Confusion) -> Rows:
    """One row a customer, as DVC's confusion template counts them; in proportion if there are many."""
    counts = {
        ("churned", "churned"): cells.true_positives,
        ("stayed", "churned"): cells.false_positives,
        ("churned", "stayed"): cells.false_negatives,
        ("stayed", "stayed"): cells.true_negatives,
    }
    scale = min(1.0, _ROWS / float(cells.rows[0]))
    return [
        {"actual": actual, "predicted": predicted}
        for (actual, predicted), count in counts.items()
        for _ in range(round(float(count[0]) * scale))
    ]


def _corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Points where a line through `(x, y)` bends, with both ends."""
    if len(x) < 3:
        return np.arange(len(x))
    before, after = np.diff(x), np.diff(y)
    bends = ~np.isclose(before[:-1] * after[1:], before[1:] * after[:-1], rtol=1e-9, atol=0.0)
    return np.concatenate(([0], np.flatnonzero(bends) + 1, [len(x) - 1]))


def _thinned(points: NDArray[np.intp]) -> list[int]:
    if len(points) > _POINTS:
        points = points[np.linspace(0, len(points) - 1, _POINTS).round().astype(np.intp)]
    return points.tolist()


def _equal_parts(sample: Sample, parts: int) -> Iterator[slice]:
    """Runs of customers of about equal number, never divided among equal probabilities."""
    wanted = np.arange(1, parts + 1) * len(sample) / parts
    ends = sample.ends + 1
    cuts = np.unique(ends[np.searchsorted(ends, wanted - 0.5)])
    for start, stop in zip(np.append(0, cuts[:-1]), cuts, strict=True):
        yield slice(int(start), int(stop))
