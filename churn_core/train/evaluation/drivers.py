"""Reasons in aggregate: what the fields of the hold-out's customers do to their scores.

All of it comes from the shares that the bundle gives with every answer, in log-odds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Scorer
from churn_core.features import RawTable, field_value
from churn_core.schemas import FieldSpec
from churn_core.train.evaluation.curves import Rows, rounded

__all__ = ["DRIVERS", "drivers"]

DRIVERS = ("reasons", "swarm", "dependence")

_MOST_ROWS = 20_000
_SHOWN = 200  # customers in figures; more would hide each other
_SWARM, _DEPENDENCE = 10, 4
_PARTS = 8

Floats = NDArray[np.float64]


def drivers(scorer: Scorer, raw: RawTable, seed: int = 0) -> dict[str, Rows]:
    """Three tables, each the strongest field first; empty for a bundle without exact reasons.

    - `reasons`: a field: mean size of its share, and between which shares nine of ten customers lie.
    - `swarm`: one of the ten strongest fields: values and shares of up to 200 customers drawn by
      `seed`, the same customers for every field; `rank` is the place of the value from 0 to 1.
    - `dependence`: a value, or an eighth of the customers, of one of the four strongest fields: mean
      share, and between which shares nine of ten of them lie.

    Of a large hold-out, 20,000 customers drawn by `seed` are used.
    """
    if scorer.bundle.reasons is None:
        return {name: [] for name in DRIVERS}
    generator = np.random.default_rng(seed)
    raw = _some(raw, _MOST_ROWS, generator)
    shares = scorer.shares(raw)
    sizes = np.abs(shares).mean(axis=0)
    order: list[int] = np.argsort(-sizes, kind="stable").tolist()
    shown = np.sort(generator.permutation(len(raw))[:_SHOWN])
    spec = raw.spec
    return {
        "reasons": [
            {**_named(spec.fields[i]), "mean_size": rounded(sizes[i]), **_middle(shares[:, i])} for i in order
        ],
        "swarm": [_swarm(spec.fields[i], raw.values[shown, i], shares[shown, i]) for i in order[:_SWARM]],
        "dependence": [
            {**_named(spec.fields[i]), **part}
            for i in order[:_DEPENDENCE]
            for part in _parts(spec.fields[i], raw.values[:, i], shares[:, i])
        ],
    }


def _some(raw: RawTable, most: int, generator: np.random.Generator) -> RawTable:
    if len(raw) <= most:
        return raw
    return RawTable(raw.spec, raw.values[np.sort(generator.choice(len(raw), most, replace=False))])


def _named(field: FieldSpec) -> dict[str, Any]:
    return {"name": field.name, "description": field.description}


def _middle(shares: Floats) -> dict[str, float | None]:
    low, high = np.quantile(shares, (0.05, 0.95))
    return {"low": rounded(low), "high": rounded(high)}


def _swarm(field: FieldSpec, values: Floats, shares: Floats) -> dict[str, Any]:
    known, places = np.unique(values, return_inverse=True)
    return {
        **_named(field),
        "role": field.role,
        "values": [field_value(field, value) for value in values.tolist()],
        "rank": [rounded(rank, 3) for rank in places / max(len(known) - 1, 1)],
        "shares": [rounded(share, 4) for share in shares.tolist()],
    }


def _parts(field: FieldSpec, values: Floats, shares: Floats) -> Iterator[dict[str, Any]]:
    """Customers who are alike in a field, with the mean of their values and shares."""
    if field.role == "numeric" and len(np.unique(values)) > _PARTS:
        cuts = np.unique(np.quantile(values, np.arange(1, _PARTS) / _PARTS))
        groups = np.searchsorted(cuts, values, side="right")
    else:
        groups = values
    for group in np.unique(groups):
        members = groups == group
        low, high = values[members].min(), values[members].max()
        yield {
            "group": _label(field, low, high),
            "place": rounded(values[members].mean()),
            "customers": int(members.sum()),
            "mean": rounded(shares[members].mean()),
            **_middle(shares[members]),
        }


def _label(field: FieldSpec, low: float, high: float) -> str:
    if field.role == "flag":
        return "yes" if low else "no"
    if field.role == "category":
        return field.values[int(low)]
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
