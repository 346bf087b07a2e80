"""Scored customers with known outcomes, and what a metric of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_core.errors import DataError

__all__ = ["EPSILON", "Floats", "Metric", "Sample", "logit", "ratio"]

Floats = NDArray[np.float64]
EPSILON = float(np.finfo(np.float64).eps)


class Sample:
    """Outcomes and predictions, the highest probability first.

    Attributes:
        labels: float64 `[rows]`, 1 for churn.
        probabilities: float64 `[rows]`, falling.
        values: float64 `[rows]`, what each customer is worth; `None` where all are worth the same.
        order: Places of the sorted rows in the arrays that the sample was made from.
        ends: Last place of each run of equal probabilities, `[runs]`.
    """

    def __init__(self, labels: ArrayLike, probabilities: ArrayLike, values: ArrayLike | None = None) -> None:
        """Check and sort.

        Raises:
            DataError: Lengths differ, there are no rows, a label is neither 0 nor 1, a
                probability is not between 0 and 1, or a value is not finite.
        """
        y = np.asarray(labels).astype(np.float64)
        p = np.asarray(probabilities).astype(np.float64)
        if y.ndim != 1 or y.shape != p.shape or not len(y):
            raise DataError(f"labels {y.shape} and probabilities {p.shape} must be two lists of one length")
        if not np.isin(y, (0.0, 1.0)).all():
            raise DataError("labels must be 0 or 1")
        if not ((p >= 0) & (p <= 1)).all():
            raise DataError("probabilities must be between 0 and 1")
        self.order: NDArray[np.intp] = np.argsort(-p, kind="stable")
        self.labels: Floats = y[self.order]
        self.probabilities: Floats = p[self.order]
        self.values: Floats | None = None if values is None else _values(values, len(y))[self.order]
        self.ends: NDArray[np.intp] = np.append(np.flatnonzero(np.diff(self.probabilities)), len(p) - 1)
        self._cumulated: tuple[Floats, Floats, Floats] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def logits(self) -> Floats:
        """Log-odds of the probabilities, finite."""
        return logit(self.probabilities)

    def counts(self, drawn: ArrayLike | None = None) -> Floats:
        """How often each row counts, float64 `[replicates, rows]`, in the order of the sample.

        Args:
            drawn: Counts `[rows]` or `[replicates, rows]` in the original order; once each if omitted.
        """
        if drawn is None:
            return np.ones((1, len(self)))
        return np.atleast_2d(np.asarray(drawn, dtype=np.float64))[:, self.order]

    def cumulated(self, counts: Floats) -> tuple[Floats, Floats]:
        """Churners and others at or above each distinct probability, each `[replicates, runs]`."""
        # Several metrics ask for the same counts one after the other.
        if self._cumulated is None or self._cumulated[0] is not counts:
            positives = np.cumsum(counts * self.labels, axis=1)
            negatives = np.cumsum(counts, axis=1) - positives
            self._cumulated = counts, positives[:, self.ends], negatives[:, self.ends]
        return self._cumulated[1:]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    Attributes:
        name: Its key in `metrics.json`.
        title: Its name for readers.
        replicates: From a sample and counts `[replicates, rows]` to values `[replicates]`.
        higher_is_better: `None` where the best value is `target`, or where none is best.
    """

    name: str
    title: str
    replicates: Callable[[Sample, Floats], Floats]
    higher_is_better: bool | None = True
    target: float | None = None

    def __call__(
        self,
        labels: ArrayLike,
        probabilities: ArrayLike,
        counts: ArrayLike | None = None,
        values: ArrayLike | None = None,
    ) -> float:
        """The metric of one sample, each row taken as often as `counts` says."""
        sample = Sample(labels, probabilities, values)
        return float(self.replicates(sample, sample.counts(counts))[0])


def logit(probabilities: ArrayLike) -> Floats:
    """Log-odds, with probabilities kept one float64 epsilon away from 0 and 1."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), EPSILON, 1 - EPSILON)
    return np.log(p) - np.log1p(-p)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, `nan` where the denominator is not above 0."""
    defined = denominator > 0
    return np.where(defined, numerator / np.where(defined, denominator, 1.0), np.nan)


def _values(values: ArrayLike, rows: int) -> Floats:
    found = np.asarray(values).astype(np.float64)
    if found.shape != (rows,) or not np.isfinite(found).all():
        raise DataError(f"values {found.shape} must be {rows} finite numbers, one for each customer")
    return found
