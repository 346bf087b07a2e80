"""Whole columns of canonical values, validated and turned into a `RawTable` at once.

Takes anything that maps column names to columns: an Arrow table or batch, a pandas or
polars frame, a dict of arrays. The checks are those of the schema's class, vectorised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.errors import FeatureError
from churn_core.features.raw import RawTable
from churn_core.schemas import Condition, FieldProblem, Implies, SchemaSpec
from churn_core.schemas.spec import FieldSpec

__all__ = ["ReadColumns", "read_columns", "rule_holds"]

# A column's numbers, and which rows hold an allowed value.
_Read = tuple[NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True)
class ReadColumns:
    """What was read.

    Attributes:
        raw: All rows; those that are not `valid` hold placeholders.
        valid: bool `[rows]`.
        faults: For each problem met, the rows (int64) that have it.
    """

    raw: RawTable
    valid: NDArray[np.bool_]
    faults: tuple[tuple[FieldProblem, NDArray[np.int64]], ...]


def read_columns(spec: SchemaSpec, columns: Any) -> ReadColumns:
    """Read and check columns of canonical values.

    Args:
        columns: `columns[name]` gives a column for every field of the schema; others are ignored.

    Raises:
        FeatureError: A field has no column, or columns differ in length.
    """
    reads = [_read(field, _column(columns, field.name)) for field in spec.fields]
    if len({len(ok) for _, ok in reads}) != 1:
        raise FeatureError("columns differ in length")
    values = np.column_stack([numbers for numbers, _ in reads])
    faults = [
        (FieldProblem(field.name, "is missing or not allowed", field.allowed), ~ok)
        for field, (_, ok) in zip(spec.fields, reads, strict=True)
    ]
    valid = np.logical_and.reduce([ok for _, ok in reads])
    values[~valid] = 0.0
    raw = RawTable(spec, values)
    for rule in spec.rules:
        if isinstance(rule, Implies):
            broken = valid & ~rule_holds(rule, raw)
            faults.append((FieldProblem(rule.then.field, "contradicts another field", str(rule)), broken))
    for _, bad in faults:
        valid &= ~bad
    found = tuple((problem, np.flatnonzero(bad)) for problem, bad in faults if bad.any())
    return ReadColumns(raw, valid, found)


def _column(columns: Any, name: str) -> Any:
    try:
        return columns[name]
    except (KeyError, IndexError):
        raise FeatureError(f"column {name!r} is missing") from None


def _read(field: FieldSpec, column: Any) -> _Read:
    if field.role == "category":
        return _categories(field, column)
    array = _to_numpy(column)
    if field.role == "flag":
        return _flags(array)
    return _numbers(field, array)


def _numbers(field: FieldSpec, array: NDArray[Any]) -> _Read:
    kind = array.dtype.kind
    if kind == "O":
        typed = np.fromiter((_is_number(v) for v in array.tolist()), dtype=bool, count=len(array))
        array = np.where(typed, array, np.nan)
    elif kind not in "iuf":
        return np.zeros(len(array)), np.zeros(len(array), dtype=bool)
    numbers = array.astype(np.float64)
    low, high = field.bounds
    with np.errstate(invalid="ignore"):
        ok = (numbers >= low) & (numbers <= high)
        if field.integer:
            ok &= np.floor(numbers) == numbers
    return np.where(ok, numbers, 0.0), ok


def _flags(array: NDArray[Any]) -> _Read:
    if array.dtype.kind == "b":
        return array.astype(np.float64), np.ones(len(array), dtype=bool)
    values = array.tolist()
    ok = np.fromiter((isinstance(v, bool) for v in values), dtype=bool, count=len(values))
    numbers = np.fromiter((v is True for v in values), dtype=np.float64, count=len(values))
    return numbers, ok


def _categories(field: FieldSpec, column: Any) -> _Read:
    codes = {value: float(index) for index, value in enumerate(field.values)}
    lookup: Callable[[Any], float] = lambda value: codes.get(value, -1.0) if isinstance(value, str) else -1.0  # noqa: E731
    vocabulary, indices = _dictionary(column)
    table = np.array([*map(lookup, vocabulary), -1.0])  # the last entry is for nulls
    numbers = table[indices]
    ok = numbers >= 0
    return np.where(ok, numbers, 0.0), ok


def _dictionary(column: Any) -> tuple[Sequence[Any], NDArray[np.int64]]:
    """Distinct values and, for each row, the place of its value; -1 for null."""
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "dictionary_encode"):
        encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
        if not hasattr(encoded, "dictionary"):  # an empty chunked column
            return [], np.empty(0, dtype=np.int64)
        return encoded.dictionary.to_pylist(), _filled(encoded.indices)
    values = _to_numpy(column).tolist()
    places: dict[Any, int] = {}
    indices = [places.setdefault(v, len(places)) if isinstance(v, str) else -1 for v in values]
    return list(places), np.array(indices, dtype=np.int64)


def _filled(indices: Any) -> NDArray[np.int64]:
    if indices.null_count:
        indices = indices.fill_null(-1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _to_numpy(column: Any) -> NDArray[Any]:
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "null_count") and hasattr(column, "to_pylist"):  # Arrow
        return column.to_numpy(zero_copy_only=False)
    if hasattr(column, "to_numpy"):
        return np.asarray(column.to_numpy())
    return np.asarray(column, dtype=None if isinstance(column, np.ndarray) else object)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def rule_holds(rule: Implies, raw: RawTable) -> NDArray[np.bool_]:
    """Which rows keep a rule, bool `[rows]`."""
    premise, conclusion = _holds(rule.when, raw), _holds(rule.then, raw)
    return premise == conclusion if rule.both_ways else conclusion | ~premise


def _holds(condition: Condition, raw: RawTable) -> NDArray[np.bool_]:
    field = raw.spec.field(condition.field)
    wanted: Mapping[Any, int] = {value: index for index, value in enumerate(field.values)}
    codes = [wanted.get(v, -1) if field.role == "category" else float(v) for v in condition.values]
    return np.isin(raw.values[:, raw.spec.positions[condition.field]], codes)
