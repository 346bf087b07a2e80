"""Customers as one matrix of raw numbers: the common ground of one customer and a million.

There are two doors into a `RawTable`, `from_customers` (one or a few) and
`churn_core.features.columns.read_columns` (Arrow, pandas, polars, plain arrays). Both do no
more than look values up; everything that computes comes after, in one vectorised path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from churn_core.errors import FeatureError
from churn_core.schemas import Customer, SchemaSpec
from churn_core.schemas.spec import FieldSpec

__all__ = ["RawReader", "RawTable"]


@dataclass(frozen=True)
class RawTable:
    """Valid customers as numbers.

    Attributes:
        values: float64 `[rows, fields]` in schema order: a number as it is, a flag as 0 or 1,
            a category as its index in the field's `values`.
    """

    spec: SchemaSpec
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def number(self, name: str) -> NDArray[np.float64]:
        """A numeric field, `[rows]`.

        Raises:
            FeatureError: The schema has no such numeric field.
        """
        return self.values[:, self._index(name, "numeric")]

    def flag(self, name: str) -> NDArray[np.float64]:
        """A flag as 0.0 or 1.0, `[rows]`."""
        return self.values[:, self._index(name, "flag")]

    def equals(self, name: str, *categories: str) -> NDArray[np.float64]:
        """1.0 where a category field holds one of `categories`, else 0.0; `[rows]`."""
        index = self._index(name, "category")
        column, known = self.values[:, index], self.spec.fields[index].values
        hits = [column == _place(name, known, category) for category in categories]
        return (hits[0] if len(hits) == 1 else np.logical_or.reduce(hits)).astype(np.float64)

    def _index(self, name: str, role: str) -> int:
        index = self.spec.positions.get(name)
        if index is None or self.spec.fields[index].role != role:
            raise FeatureError(f"schema {self.spec.name!r} has no {role} field {name!r}")
        return index


def _place(name: str, known: tuple[str, ...], category: str) -> int:
    if category not in known:
        raise FeatureError(f"field {name!r} has no category {category!r}: {', '.join(known)}")
    return known.index(category)


class RawReader:
    """Turns validated customers into a `RawTable`; compiled once for a schema."""

    def __init__(self, spec: SchemaSpec) -> None:
        self.spec = spec
        self._codes: tuple[Mapping[Any, float] | None, ...] = tuple(_codes(f) for f in spec.fields)
        self._pick = _picker(spec.names)

    def read(self, customers: Iterable[Customer]) -> RawTable:
        """Customers of this schema, `[rows]`; they have been validated by their class."""
        rows = [self._row(customer.__dict__) for customer in customers]
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(self._codes))
        return RawTable(self.spec, values)

    def _row(self, fields: Mapping[str, Any]) -> list[Any]:
        values = self._pick(fields)
        return [v if codes is None else codes[v] for v, codes in zip(values, self._codes, strict=True)]


def _codes(field: FieldSpec) -> Mapping[Any, float] | None:
    if field.role != "category":
        return None  # numbers and booleans convert as they are
    return {value: float(index) for index, value in enumerate(field.values)}


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda fields: (fields[names[0]],)
    return cast("Callable[[Mapping[str, Any]], tuple[Any, ...]]", itemgetter(*names))
