"""Derived features that earn their place on telecom customers.

Each was kept because repeated cross-validation with paired comparison got worse without it;
`docs/features.md` has the figures, and those of what was tried and dropped. Where a schema
lacks the fields, a feature adds no columns, so that one list serves all schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from churn_core.features.raw import RawTable
from churn_core.schemas import SchemaSpec

__all__ = ["LooseContract", "ServiceLoad", "TenureBands"]

_TENURE, _INTERNET = "tenure_months", "internet_service"
_MONTHLY = "monthtomonth"
_FEWEST_ADD_ONS = 4  # with fewer, the count says no more than the fields themselves


class TenureBands:
    """Within the first year, and within the first three: when contracts are first up for renewal."""

    version: ClassVar[int] = 1

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("first_year", "first_three_years") if _has(spec, _TENURE, "numeric") else ()

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        months = raw.number(_TENURE)
        return [(months <= 12).astype(np.float64), (months <= 36).astype(np.float64)]


class LooseContract:
    """A customer free to leave any month, the looser the newer: `monthly contract / (1 + tenure)`."""

    version: ClassVar[int] = 1

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("month_to_month_by_tenure",) if _has(spec, _TENURE, "numeric") and _monthly(spec) else ()

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        return [_is_monthly(raw) / (1.0 + raw.number(_TENURE))]


class ServiceLoad:
    """How many services a customer has, also where leaving is easy or the line is fast; the line alone."""

    version: ClassVar[int] = 2

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        if len(_add_ons(spec)) < _FEWEST_ADD_ONS or not _monthly(spec) or not _fiber(spec):
            return ()
        return ("count", "count_month_to_month", "count_fiber", "month_to_month_fiber", "internet_alone")

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        places, yes = _service_places(raw.spec)
        count = np.add.reduce(raw.values.take(places, axis=1) == yes, axis=1, dtype=np.float64)
        online = 1.0 - raw.equals(_INTERNET, "No")
        count += online
        monthly, fiber = _is_monthly(raw), raw.equals(_INTERNET, _fiber(raw.spec))
        return [count, count * monthly, count * fiber, monthly * fiber, online * (count == 1)]


_T = TypeVar("_T")


def _once_per_schema(find: Callable[[SchemaSpec], _T]) -> Callable[[SchemaSpec], _T]:
    """Remember what `find` says of a schema: it is asked for every customer that is scored."""
    known: dict[str, _T] = {}

    @wraps(find)
    def remembered(spec: SchemaSpec) -> _T:
        if spec.fingerprint not in known:
            known[spec.fingerprint] = find(spec)
        return known[spec.fingerprint]

    return remembered


def _has(spec: SchemaSpec, name: str, role: str) -> bool:
    return name in spec.positions and spec.field(name).role == role


@_once_per_schema
def _monthly(spec: SchemaSpec) -> tuple[str, str] | None:
    """The contract field and its value for month to month, however it is spelled."""
    for name in ("contract", "contract_type"):
        for value in spec.field(name).values if _has(spec, name, "category") else ():
            if "".join(filter(str.isalpha, value.lower())) == _MONTHLY:
                return name, value
    return None


def _is_monthly(raw: RawTable) -> NDArray[np.float64]:
    found = _monthly(raw.spec)
    return raw.equals(*found) if found else np.zeros(len(raw))


@_once_per_schema
def _fiber(spec: SchemaSpec) -> str:
    """The value of `internet_service` for fibre; empty if the schema has no such choice."""
    values = spec.field(_INTERNET).values if _has(spec, _INTERNET, "category") else ()
    return next((v for v in values if v.lower().startswith("fib") and "No" in values), "")


def _add_ons(spec: SchemaSpec) -> list[str]:
    """Optional services: categories that say Yes, No, or that what they need is missing."""
    return [f.name for f in spec.fields if {"Yes", "No"} < set(f.values) and len(f.values) == 3]


@_once_per_schema
def _service_places(spec: SchemaSpec) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where services stand in a raw row, and the number that says a customer has one."""
    names = _add_ons(spec)
    yes = [float(spec.field(name).values.index("Yes")) for name in names]
    if _has(spec, "phone_service", "flag"):
        names, yes = [*names, "phone_service"], [*yes, 1.0]
    return np.array([spec.positions[name] for name in names]), np.array(yes)
