"""Groups of customers: by slice of the schema, by value of a field, by level of risk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import DecisionPolicy
from churn_core.features import RawTable
from churn_core.schemas import FieldSpec, SliceSpec

__all__ = ["Group", "all_groups", "field_groups", "risk_groups", "slice_groups", "wilson"]

Mask = NDArray[np.bool_]
_Z = 1.959963984540054  # of a two-sided 95 % interval


@dataclass(frozen=True)
class Group:
    """Some of the customers.

    Attributes:
        members: bool `[rows]`.
    """

    field: str
    name: str
    members: Mask

    def __str__(self) -> str:
        return f"{self.field} {self.name}"


def slice_groups(raw: RawTable) -> Iterator[Group]:
    """The groups by which a schema wants quality checked; those without customers are left out."""
    for spec in raw.spec.slices:
        yield from field_groups(raw, spec.field)


def all_groups(raw: RawTable) -> Iterator[Group]:
    """The groups of the slices, and those of every other category and flag; of equal ones the first."""
    sliced = [spec.field for spec in raw.spec.slices]
    others = [field.name for field in raw.spec.fields if field.role != "numeric" and field.name not in sliced]
    seen: set[bytes] = set()
    for name in (*sliced, *others):
        for group in field_groups(raw, name):
            if (members := group.members.tobytes()) not in seen:
                seen.add(members)
                yield group


def field_groups(raw: RawTable, name: str) -> Iterator[Group]:
    """The groups of one field that have customers: its values, or where its slice cuts a number.

    Raises:
        SchemaError: The schema has no such field.
    """
    field = raw.spec.field(name)
    spec = next((one for one in raw.spec.slices if one.field == name), SliceSpec(field=name))
    for value, members in _cut(field, spec, raw.values[:, raw.spec.positions[name]]):
        if members.any():
            yield Group(name, value, members)


def risk_groups(probabilities: NDArray[np.float64], policy: DecisionPolicy) -> Iterator[Group]:
    """Customers of HIGH, MEDIUM and LOW risk, as the bundle calls them."""
    high = probabilities >= policy.high_risk
    medium = ~high & (probabilities >= policy.medium_risk)
    for name, members in (("HIGH", high), ("MEDIUM", medium), ("LOW", ~high & ~medium)):
        yield Group("churn_risk", name, members)


def wilson(successes: int, trials: int, z: float = _Z) -> tuple[float, float]:
    """Interval of a share, of 95 % if nothing is said (Wilson, JASA 22, 1927); `nan` without trials."""
    if not trials:
        return np.nan, np.nan
    share, spread = successes / trials, z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def _cut(field: FieldSpec, spec: SliceSpec, column: NDArray[np.float64]) -> Iterator[tuple[str, Mask]]:
    if field.role == "category":
        for index, value in enumerate(field.values):
            yield value, column == index
    elif field.role == "flag":
        yield "yes", column > 0
        yield "no", column == 0
    else:
        edges = (-np.inf, *sorted(spec.edges), np.inf)
        for low, high in pairwise(edges):
            yield _between(low, high, field.unit), (column > low) & (column <= high)


def _between(low: float, high: float, unit: str) -> str:
    if low == -np.inf and high == np.inf:
        return "all"
    if low == -np.inf:
        text = f"up to {high:g}"
    elif high == np.inf:
        text = f"above {low:g}"
    else:
        text = f"above {low:g} to {high:g}"
    return f"{text} {unit}".strip()
