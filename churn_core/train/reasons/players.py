"""Who has a share in a score: each field of a customer, found out from the matrix itself.

A column belongs to the field it changes with. A derived column that changes with several fields
belongs to none of them; such columns form groups, which play as one and divide their share
afterwards (`churn_core.train.reasons.division`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_core.features import Encoder, RawTable
from churn_core.schemas.spec import FieldSpec

__all__ = ["Group", "Players", "candidates", "find_players", "with_values"]

_CUSTOMERS, _NUMBERS = 200, 64


@dataclass(frozen=True)
class Group:
    """Derived columns that change with the same fields, or with some of these."""

    columns: tuple[int, ...]
    fields: tuple[int, ...]


@dataclass(frozen=True)
class Players:
    """The fields in schema order, then the groups.

    Attributes:
        owner: int64 `[columns]`: the player that a column belongs to.
    """

    fields: int
    groups: tuple[Group, ...]
    owner: NDArray[np.int64]

    def __len__(self) -> int:
        return self.fields + len(self.groups)


def find_players(encoder: Encoder, raw: RawTable) -> Players:
    """Find the players of a feature matrix.

    Args:
        raw: Training customers, of which some are changed field by field to see what follows.
    """
    depends = np.array([_changed(encoder, raw, field) for field in range(len(raw.spec.fields))])
    count, groups = len(depends), _groups(depends)
    # A column that never changes adds to nobody's share, so the first field may own it.
    owner = depends.argmax(axis=0)
    for index, group in enumerate(groups):
        owner[list(group.columns)] = count + index
    return Players(count, groups, owner)


def candidates(field: FieldSpec, column: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Raw values that stand for all of a field: each one, or up to `most` numbers seen in training."""
    if field.role != "numeric":
        return np.arange(len(field.values) or 2, dtype=np.float64)
    seen = np.unique(column)
    if len(seen) <= most:
        return seen
    places = (np.arange(most) + 0.5) / most
    return np.unique(np.quantile(column, places, method="nearest"))


def with_values(rows: NDArray[np.float64], field: int, values: Sequence[float]) -> NDArray[np.float64]:
    """The rows with each of the values in turn, float64 `[values * rows, fields]`."""
    changed = np.tile(rows, (len(values), 1))
    changed[:, field] = np.repeat(values, len(rows))
    return changed


def _changed(encoder: Encoder, raw: RawTable, index: int) -> NDArray[np.bool_]:
    """Which columns change with a field, `[columns]`."""
    field, rows = raw.spec.fields[index], raw.values[:: -(-len(raw) // _CUSTOMERS)]
    values = candidates(field, raw.values[:, index], _NUMBERS)
    if field.role == "numeric":
        values = np.concatenate([values, field.bounds])
    matrix = encoder.encode(RawTable(raw.spec, with_values(rows, index, values.tolist())))
    blocks = matrix.reshape(len(values), len(rows), -1)
    return (blocks != blocks[0]).any(axis=(0, 1))


def _groups(depends: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Columns of several fields, the widest first; those with fewer of the same fields join it."""
    found: list[tuple[set[int], list[int]]] = []
    shared = np.flatnonzero(depends.sum(axis=0) > 1)
    for column in sorted(shared.tolist(), key=lambda c: -int(depends[:, c].sum())):
        fields = set(np.flatnonzero(depends[:, column]).tolist())
        home = next((columns for known, columns in found if fields <= known), None)
        if home is None:
            found.append((fields, [column]))
        else:
            home.append(column)
    return tuple(Group(tuple(sorted(columns)), tuple(sorted(fields))) for fields, columns in found)
