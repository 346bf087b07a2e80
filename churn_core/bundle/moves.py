"""All that a customer could become by a few moves at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.policy import moves_on_offer
from churn_core.features import RawTable
from churn_core.features.columns import rule_holds
from churn_core.params import CostParams
from churn_core.schemas import Implies, Move, SchemaSpec
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import FieldSpec

__all__ = ["MOST_CHANGES", "Changed", "MoveSets"]

MOST_CHANGES = 3

_Place = tuple[int, Move]


class Changed(NamedTuple):
    """What one customer could become; sets of fewer moves come first, then schema order.

    Attributes:
        raw: The changed customers, `[sets]`.
        costs: Of each set of moves, `[sets]`.
    """

    raw: RawTable
    costs: NDArray[np.float64]


class MoveSets:
    """Every set of one to `MOST_CHANGES` moves in different fields.

    Attributes:
        named: Whether the schema has moves that are on offer.
    """

    def __init__(self, spec: SchemaSpec, costs: CostParams) -> None:
        """Prepare the sets once for all customers."""
        self._spec = spec
        places = [(i, move) for i, field in enumerate(spec.fields) for move in moves_on_offer(costs, field)]
        sets = [
            chosen
            for size in range(1, MOST_CHANGES + 1)
            for chosen in combinations(range(len(places)), size)
            if len({places[each][0] for each in chosen}) == size
        ]
        self.named = bool(sets)
        # Smaller sets are filled up with a move that everybody can make, in a column that is cut off.
        void = len(places)
        members = [(*chosen, *[void] * (MOST_CHANGES - len(chosen))) for chosen in sets]
        self._members = np.array(members, dtype=np.intp).reshape(-1, MOST_CHANGES)
        self._fields = np.array([*(index for index, _ in places), len(spec.fields)], dtype=np.intp)
        self._codes = np.array([*(_code(spec.fields[i], move.to) for i, move in places), 0.0])
        self._starts = _starts(spec, places)
        # Rounded, so that equal sums are equal in whatever order they are added.
        sums = [round(math.fsum(places[each][1].cost for each in chosen), 9) for chosen in sets]
        self._costs = np.array(sums, dtype=np.float64)
        moved = {spec.fields[index].name for index, _ in places}
        self._rules = [rule for rule in spec.rules if isinstance(rule, Implies) and _touches(rule, moved)]

    def __call__(self, values: NDArray[np.float64]) -> Changed:
        """What a customer could become, as far as it is valid.

        Args:
            values: His raw values, `[fields]`.
        """
        padded = np.append(values, 0.0)
        can = self._starts[np.arange(len(self._fields)), padded[self._fields].astype(np.intp)]
        sets = np.flatnonzero(can[self._members].all(axis=1))
        rows = np.repeat(padded[None], len(sets), axis=0)
        members = self._members[sets]
        rows[np.arange(len(sets))[:, None], self._fields[members]] = self._codes[members]
        raw = RawTable(self._spec, np.ascontiguousarray(rows[:, :-1]))
        keeps = np.logical_and.reduce([np.ones(len(sets), bool), *(rule_holds(r, raw) for r in self._rules)])
        return Changed(RawTable(self._spec, raw.values[keeps]), self._costs[sets[keeps]])


def _starts(spec: SchemaSpec, places: Sequence[_Place]) -> NDArray[np.bool_]:
    """Whether a move can be made from each raw value of its field, `[moves + 1, values]`."""
    table = np.zeros((len(places) + 1, max([2, *(len(field.values) for field in spec.fields)])), dtype=bool)
    for place, (index, move) in enumerate(places):
        for code, value in enumerate(spec.fields[index].values or (False, True)):
            table[place, code] = move.starts_from(value)
    table[-1, 0] = True
    return table


def _code(field: FieldSpec, value: Scalar) -> float:
    return float(field.values.index(str(value)) if field.values else value)


def _touches(rule: Implies, fields: set[str]) -> bool:
    return rule.when.field in fields or rule.then.field in fields
