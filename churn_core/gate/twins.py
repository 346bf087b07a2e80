"""Customers on one side of the split that are copies of customers on the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_core.features import RawTable

__all__ = ["Twins", "twins"]

Floats = NDArray[np.float64]

_MOST = 2_000, 50_000  # customers that are looked at, held out and to fit on
_BY_CHANCE = 0.05


class Twins(NamedTuple):
    """Near copies of held-out customers.

    Attributes:
        found: bool `[held out]`, where a copy was found that chance does not explain.
        of: Row of the copy among the customers to fit on, `[held out]`; 0 where there is none.
        judged: How many held-out customers are too special to have a copy by chance.
    """

    found: NDArray[np.bool_]
    of: NDArray[np.intp]
    judged: int

    @property
    def share(self) -> float:
        """Share of those who have a copy."""
        return float(self.found.sum()) / max(self.judged, 1)


def twins(training: RawTable, holdout: RawTable, near: float) -> Twins:
    """Look for training customers with the same values and nearly the same numbers.

    A customer who would probably have a copy if fields were independent of each other is not
    judged: where there are few possible customers, equal ones are no suspicion.

    Args:
        near: Largest difference of each number, in its standard deviations over `training`.
    """
    fitted, held = training.values[: _MOST[1]], holdout.values[: _MOST[0]]
    numeric = np.array([field.role == "numeric" for field in training.spec.fields])
    tolerance = np.where(numeric, near * fitted.std(axis=0), 0.0)
    rare = _expected(fitted, held, tolerance) < _BY_CHANCE
    found = np.zeros(len(holdout), dtype=bool)
    of = np.zeros(len(holdout), dtype=np.intp)
    groups = _grouped(fitted[:, ~numeric])
    for row in np.flatnonzero(rare):
        members = groups.get(held[row, ~numeric].tobytes())
        if members is None:
            continue
        away = np.abs(fitted[np.ix_(members, numeric)] - held[row, numeric]) - tolerance[numeric]
        close = (away <= 1e-12).all(axis=1)
        if close.any():
            found[row], of[row] = True, members[int(close.argmax())]
    return Twins(found, of, int(rare.sum()))


def _expected(fitted: Floats, held: Floats, tolerance: Floats) -> Floats:
    """How many copies each held-out customer would have if fields were independent, `[held out]`."""
    expected = np.full(len(held), float(len(fitted)))
    for index, allowed in enumerate(tolerance.tolist()):
        column: Any = np.sort(fitted[:, index])
        below = column.searchsorted(held[:, index] - allowed)
        expected *= (column.searchsorted(held[:, index] + allowed, side="right") - below) / len(column)
    return expected


def _grouped(keys: Floats) -> dict[bytes, NDArray[np.intp]]:
    """Rows by the bytes of their keys."""
    if not keys.shape[1]:
        return {b"": np.arange(len(keys))}
    _, place = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    return {keys[rows[0]].tobytes(): rows for rows in np.split(order, starts[1:])}
