"""The customers of a small file, whatever it spells them like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from churn_core.batch.rows import check_file, check_utf8, open_rows
from churn_core.errors import DataError
from churn_core.schemas import FieldProblem, SchemaSpec
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spelling import Reader

__all__ = ["Row", "read_customers"]


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        number: Counted from 1, without the header.
        customer: `None` where there are problems.
    """

    number: int
    customer: dict[str, Scalar] | None
    problems: tuple[FieldProblem, ...] = ()


def read_customers(path: Path, spec: SchemaSpec) -> Iterator[Row]:
    """Read customers from CSV, JSON, JSON lines or Parquet.

    Raises:
        DataError: The file cannot be read, or lacks columns.
    """
    header, rows = _json_rows(path) if path.suffix.lower() == ".json" else _rows(path)
    reader = Reader(spec, header)
    for number, values in enumerate(rows, start=1):
        if isinstance(values, FieldProblem):
            yield Row(number, None, (values,))
        else:
            read = reader.read(values)
            yield Row(number, read.customer, read.problems)


def _rows(path: Path) -> tuple[Sequence[str], Iterator[Any]]:
    try:
        file = open_rows(path)
    except DataError as error:
        if "of no known kind" in str(error):
            raise DataError(f"{error}, .json") from None
        raise
    return file.header, iter(file)


def _json_rows(path: Path) -> tuple[Sequence[str], Iterator[Any]]:
    """One object, or a list of objects."""
    check_file(path)
    check_utf8(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not valid JSON; one object a line goes by the name of .jsonl") from None
    found = cast("list[object]", content) if isinstance(content, list) else [content]
    records = [cast("dict[str, object]", one) if isinstance(one, dict) else None for one in found]
    names = dict.fromkeys(name for record in records if record for name in record)
    if not names:
        raise DataError(f"{path} holds no JSON objects")
    wrong = FieldProblem("", "is not a JSON object", "one flat JSON object")
    rows = (wrong if r is None else [r.get(name) for name in names] for r in records)
    return tuple(names), iter(rows)
