"""Derived features that ask for no field by name: roles, units and values say what belongs together.

They are for the schema that nobody has tuned anything for. `docs/features.md` has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from churn_core.features.raw import RawTable
from churn_core.schemas import SchemaSpec

__all__ = ["UnitTotals"]

_FEWEST_ADDENDS = 3  # two amounts are rarely parts of one: a monthly bill and all that was ever billed


class UnitTotals:
    """What numbers of the same unit come to: the whole bill, all minutes, all calls.

    A bill in parts hides its size from models that look at one column at a time: trees need a
    branch for every combination, where one cut of the total would do.
    """

    version: ClassVar[int] = 1

    def __init__(self) -> None:
        # Found once for a schema, not for every customer that is scored. Its fingerprint is no key:
        # units have no part in it.
        self._known: tuple[SchemaSpec, dict[str, list[int]]] | None = None

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return tuple(self._addends(spec))

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        # One column after the other: a sum along rows could round otherwise for one customer than for many.
        return [
            reduce(np.add, (raw.values[:, place] for place in places))
            for places in self._addends(raw.spec).values()
        ]

    def _addends(self, spec: SchemaSpec) -> dict[str, list[int]]:
        if self._known is None or self._known[0] is not spec:
            self._known = spec, _shared_units(spec)
        return self._known[1]


def _shared_units(spec: SchemaSpec) -> dict[str, list[int]]:
    """Units that enough amounts share, and where these stand; what can be negative is no amount."""
    found: dict[str, list[int]] = {}
    for place, field in enumerate(spec.fields):
        if field.role == "numeric" and field.unit and field.bounds[0] >= 0:
            found.setdefault(field.unit, []).append(place)
    return {unit: places for unit, places in found.items() if len(places) >= _FEWEST_ADDENDS}
