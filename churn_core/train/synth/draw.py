"""Drawn customers as Arrow data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_core.schemas import FieldSpec, SchemaSpec
from churn_core.train.synth.laws import Drawn, law_of
from churn_core.train.synth.marginals import Column

__all__ = ["BLOCK", "draw", "draw_batches"]

BLOCK = 16_384
_ID = np.dtype([("letter", "u1"), ("high", "V4"), ("middle", "V4"), ("low", "V4")])


def draw(spec: SchemaSpec, rows: int, seed: int = 0) -> pa.Table:
    """Draw customers: `customer_id`, the schema's fields, and the label as bool.

    Categories are dictionaries of strings. A shorter table of the same seed is the
    beginning of a longer one.
    """
    batches = list(draw_batches(spec, max(rows, 1), seed))
    return pa.Table.from_batches(batches).slice(0, rows)


def draw_batches(spec: SchemaSpec, rows: int, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """The same, block by block, for more rows than memory holds."""
    law = law_of(spec)
    for block in range(-(-rows // BLOCK)):
        start = block * BLOCK
        rng = np.random.Generator(np.random.SFC64([seed, block]))
        yield _batch(spec, law.draw(rng, BLOCK), start).slice(0, rows - start)


def _batch(spec: SchemaSpec, drawn: Drawn, start: int) -> pa.RecordBatch:
    columns = [_array(field, drawn.columns[field.name]) for field in spec.fields]
    names = ["customer_id", *spec.names, spec.label.name]
    return pa.RecordBatch.from_arrays([_ids(start), *columns, pa.array(drawn.churn)], names=names)


def _array(field: FieldSpec, column: Column) -> pa.Array:
    if field.role == "category":
        return pa.DictionaryArray.from_arrays(pa.array(column), pa.array(field.values))
    return pa.array(column)


def _ids(start: int) -> pa.Array:
    """Ids `C000000000001` and so on, counted from `start`."""
    numbers = np.arange(start + 1, start + BLOCK + 1)
    text = np.empty(BLOCK, dtype=_ID)
    text["letter"] = ord("C")
    for group in ("low", "middle", "high"):
        numbers, four = np.divmod(numbers, 10_000)
        text[group] = _four_digits()[four]
    offsets = np.arange(0, (BLOCK + 1) * _ID.itemsize, _ID.itemsize, dtype=np.int32)
    return pa.StringArray.from_buffers(BLOCK, pa.py_buffer(offsets), pa.py_buffer(text))


@cache
def _four_digits() -> NDArray[np.void]:
    """ASCII of 0000 to 9999, four bytes each."""
    digits = np.arange(10_000)[:, None] // np.array([1000, 100, 10, 1]) % 10
    return (digits + ord("0")).astype(np.uint8).view("V4").ravel()
