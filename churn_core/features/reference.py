"""What customers looked like in training: the yardstick for reasons and for drift."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from churn_core.features.raw import RawTable
from churn_core.schemas.rules import Frozen, Scalar
from churn_core.schemas.spec import FieldSpec

__all__ = ["FieldReference", "field_value", "reference"]

_QUANTILES = tuple(float(q) for q in np.linspace(0, 1, 11))


class FieldReference(Frozen):
    """One field over the training customers.

    Attributes:
        typical: Median of a number, most frequent value of a flag or category.
        quantiles: A number's deciles, from the minimum to the maximum.
        shares: Share of customers with each value of a flag (`false`, `true`) or category.
    """

    field: str
    typical: Scalar
    quantiles: tuple[float, ...] = ()
    shares: dict[str, float] = {}


def reference(raw: RawTable) -> tuple[FieldReference, ...]:
    """Summarise training customers, one record a field in schema order."""
    return tuple(_summary(field, raw.values[:, i]) for i, field in enumerate(raw.spec.fields))


def field_value(field: FieldSpec, number: float) -> Scalar:
    """The canonical value that a raw number stands for."""
    if field.role == "category":
        return field.values[int(number)]
    if field.role == "flag":
        return bool(number)
    return int(number) if field.integer else float(number)


def _summary(field: FieldSpec, column: NDArray[np.float64]) -> FieldReference:
    if field.role == "numeric":
        # `lower` picks a value that occurs, so that an integer field stays one.
        typical = float(cast("float", np.quantile(column, 0.5, method="lower")))
        deciles = tuple(float(q) for q in cast("Any", np.quantile(column, _QUANTILES)))
        return FieldReference(field=field.name, typical=field_value(field, typical), quantiles=deciles)
    labels = field.values or ("false", "true")
    counts = np.bincount(column.astype(np.int64), minlength=len(labels))
    shares = {label: float(n / len(column)) for label, n in zip(labels, counts, strict=True)}
    most = field_value(field, float(counts.argmax()))
    return FieldReference(field=field.name, typical=most, shares=shares)
