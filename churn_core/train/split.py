"""Which customers are held out: drawn once, by what the customers are, not by where they stand.

Customers whose fields are all equal go to the same side, so that no hold-out row has a twin
in training. Each such group is ranked by a hash of the seed and its fields; along this
ranking, groups go to the hold-out while it has room for them in both classes. The result does not
depend on the order of rows, on customer ids, or on the spelling of the file.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_core.errors import DataError
from churn_core.params import SplitParams
from churn_core.schemas import SchemaSpec
from churn_core.train.columns import numbers

__all__ = ["MIN_CLASS", "MIN_ROWS", "check_enough", "draw_holdout", "profile_hashes"]

MIN_ROWS = 100
MIN_CLASS = 20
_MOST_MISSED = 0.05
_CHUNK = 50_000


def check_enough(labels: NDArray[np.bool_], spec: SchemaSpec) -> None:
    """Refuse what no model can be fitted and judged on.

    Raises:
        DataError: There are too few customers, or too few of one outcome.
    """
    rows, churned = len(labels), int(labels.sum())
    fewer = min(churned, rows - churned)
    needed = f"at least {MIN_ROWS} are needed, {MIN_CLASS} of each outcome"
    if rows and not fewer:
        outcome = "churned" if churned else "stayed"
        raise DataError(f"all {rows} customers {outcome} (label {spec.label.name!r}): {needed}")
    if rows < MIN_ROWS:
        raise DataError(f"{rows} customers are too few to train on: {needed}")
    if fewer < MIN_CLASS:
        outcome = "churned" if churned == fewer else "stayed"
        raise DataError(f"only {fewer} of {rows} customers {outcome}: {needed}")


def profile_hashes(customers: pa.Table, spec: SchemaSpec, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of seed and fields for each customer; `customer_id` does not count."""
    digests = bytearray()
    for batch in customers.select(spec.names).to_batches(max_chunksize=_CHUNK):
        for row in zip(*map(_plain, batch.columns), strict=True):
            digests += hashlib.blake2b(f"{seed}|{row!r}".encode(), digest_size=8).digest()
    return np.frombuffer(digests, dtype="<u8")


def draw_holdout(
    profiles: NDArray[np.uint64], labels: NDArray[np.bool_], params: SplitParams
) -> NDArray[np.bool_]:
    """True for the rows that are held out: `params.holdout` of each class, up to rounding.

    Raises:
        DataError: A side would lack customers of an outcome, or too many customers are equal
            in all fields to be divided in that proportion.
    """
    _, group = np.unique(profiles, return_inverse=True)
    churned = np.bincount(group, weights=labels).astype(int)
    stayed = np.bincount(group, weights=~labels).astype(int)
    wanted = np.array([_share(int((~labels).sum()), params), _share(int(labels.sum()), params)])
    room = wanted.copy()
    chosen = np.zeros(len(churned), dtype=bool)
    for index, need in enumerate(zip(stayed.tolist(), churned.tolist(), strict=True)):
        if need[0] <= room[0] and need[1] <= room[1]:
            room -= need
            chosen[index] = True
    if (room > np.maximum(1, _MOST_MISSED * wanted)).any():
        raise DataError(
            f"the {len(labels)} customers have only {len(churned)} different sets of fields: too few to hold "
            f"out {params.holdout:.0%} of them without keeping equal customers in training"
        )
    return chosen[group]


def _share(count: int, params: SplitParams) -> int:
    held = int(count * params.holdout + 0.5)
    if not 2 <= held <= count - 2:
        raise DataError(
            f"split.holdout = {params.holdout:g} leaves {min(held, count - held)} of {count} customers of "
            "one outcome on one side; each side needs at least 2"
        )
    return held


def _plain(column: pa.Array) -> list[object]:
    if pa.types.is_floating(column.type):
        return (numbers(column) + 0.0).tolist()  # -0.0 equals 0.0
    return column.to_pylist()
