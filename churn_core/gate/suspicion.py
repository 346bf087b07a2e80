"""What single fields say about the outcome, and about the place of a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_core.features import RawTable
from churn_core.features.reference import field_value
from churn_core.gate.groups import wilson
from churn_core.gate.metrics import METRICS
from churn_core.schemas import FieldSpec

__all__ = ["Floats", "Group", "Ints", "determined", "field_auc", "is_ordered", "is_unique", "ranks"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FOLDS, _BINS, _PRIOR = 5, 20, 10.0
_ORDERED = 0.95  # correlation of ranks with places


class Group(NamedTuple):
    """Customers whose outcome a field decides.

    Attributes:
        name: `field = value` or `field other than value`.
        share: Of those with that outcome.
    """

    name: str
    churned: bool
    rows: int
    share: float


def field_auc(raw: RawTable, field: FieldSpec, labels: Ints) -> float:
    """ROC AUC of the best that one field can say, from 0.5.

    Of a number its order is tried, either way, and its twentieths; of the latter and of values,
    the churn rate in the other folds of the same customers.
    """
    column = raw.values[:, raw.spec.positions[field.name]]
    codes = _bins(column) if field.role == "numeric" else column.astype(np.int64)
    found = [METRICS["roc_auc"](labels, _cross_fitted_rates(codes, labels))]
    if field.role == "numeric":
        auc = METRICS["roc_auc"](labels, ranks(column))
        found += [auc, 1 - auc]
    return float(max(found))


def ranks(column: Floats) -> Floats:
    """Numbers as places among the different ones, from 0 to 1."""
    values, place = np.unique(column, return_inverse=True)
    return place / max(len(values) - 1, 1)


def determined(raw: RawTable, labels: Ints, purity: float, least: int, z: float) -> Iterator[Group]:
    """Values, and the absence of frequent ones, that nearly all customers of one outcome share.

    Those who leave are fewer, so it takes a purer group of those who stay to say as much.
    """
    rate = float(labels.mean())
    stayed_purity = 1 - (1 - purity) * min(rate / (1 - rate), 1.0)
    for index, field in enumerate(raw.spec.fields):
        column = raw.values[:, index]
        for name, members in _groups(field, column, least):
            rows, churned = int(members.sum()), int(labels[members].sum())
            if wilson(churned, rows, z)[0] >= purity:
                yield Group(name, churned=True, rows=rows, share=churned / rows)
            elif wilson(rows - churned, rows, z)[0] >= stayed_purity:
                yield Group(name, churned=False, rows=rows, share=1 - churned / rows)


def is_unique(field: FieldSpec, column: Floats, share: float) -> bool:
    """Whether a category or whole number differs between nearly all customers."""
    counted = field.role == "category" or field.integer
    return counted and len(column) >= 100 and len(np.unique(column)) >= share * len(column)


def is_ordered(column: Floats) -> bool:
    """Whether a number rises or falls with the place of its row."""
    if len(column) < 100 or column.min() == column.max():
        return False
    return abs(float(np.corrcoef(ranks(column), np.arange(len(column)))[0, 1])) >= _ORDERED


def _bins(column: Floats) -> Ints:
    edges = np.unique(np.quantile(column, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, column, side="right")


def _cross_fitted_rates(codes: Ints, labels: Ints) -> Floats:
    """For each customer the churn rate of those of other folds who have his code, drawn to the mean."""
    fold = np.random.default_rng(0).permutation(len(labels)) % _FOLDS
    size = int(codes.max()) + 1
    rates = np.empty(len(labels))
    for one in range(_FOLDS):
        fitted, judged = fold != one, fold == one
        rows = np.bincount(codes[fitted], minlength=size)
        churned = np.bincount(codes[fitted], weights=labels[fitted], minlength=size)
        mean = float(labels[fitted].mean())
        rates[judged] = ((churned + _PRIOR * mean) / (rows + _PRIOR))[codes[judged]]
    return rates


def _groups(field: FieldSpec, column: Floats, least: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    values, counts = np.unique(column, return_counts=True)
    for value in values[counts >= least]:
        spoken, members = field_value(field, float(value)), column == value
        yield f"{field.name} = {spoken!r}", members
        if len(values) > 2 and len(column) - members.sum() >= least:
            yield f"{field.name} other than {spoken!r}", ~members
