"""Arrow columns of plain values, and their numbers.

`pa.array` and `to_numpy` would do the same, but import pandas, which takes a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["column_of", "numbers"]


def column_of(values: Sequence[Any] | NDArray[Any], kind: pa.DataType) -> pa.Array:
    """A column of texts, truths or 64-bit numbers, none of them missing."""
    if pa.types.is_string(kind):
        texts = [value.encode() for value in values]
        places = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers = [pa.py_buffer(places), pa.py_buffer(b"".join(texts))]
    elif pa.types.is_boolean(kind):
        buffers = [pa.py_buffer(np.packbits(np.asarray(values, dtype=bool), bitorder="little"))]
    else:
        number = np.float64 if pa.types.is_floating(kind) else np.int64
        buffers = [pa.py_buffer(np.asarray(values, dtype=number))]
    return pa.Array.from_buffers(kind, len(values), [None, *buffers])


def numbers(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """The numbers of a column without nulls, `[rows]`."""
    flat = column.cast(pa.float64())
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.combine_chunks()
    return np.frombuffer(flat.buffers()[1], "<f8", len(flat), 8 * flat.offset)
