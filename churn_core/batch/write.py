"""Small tables as files."""

# pyright: basic
# pyarrow ships no type stubs.

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from churn_core.errors import DataError

__all__ = ["Kinds", "Rows", "check_kind", "write_rows"]

Kinds = Mapping[str, type[int | float | str]]
Rows = Sequence[Sequence[Any]]


def write_rows(path: Path, kinds: Kinds, rows: Rows) -> None:
    """Write rows as CSV, JSON lines or Parquet, by the end of the name.

    Args:
        path: Appears, or is replaced, only when all of it is written.
        kinds: Name and type of each column; any value may be `None`.

    Raises:
        DataError: `path` is of another kind, or cannot be written.
    """
    check_kind(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _WRITERS[path.suffix.lower()](unfinished, kinds, rows)
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def check_kind(path: Path) -> None:
    """Refuse a name that says nothing about the kind of the file, and what is a folder.

    Raises:
        DataError: It is one of these.
    """
    if path.suffix.lower() not in _WRITERS:
        raise DataError(f"{path} must end in {' or '.join(_WRITERS)}")
    if path.is_dir():
        raise DataError(f"{path} is a directory, not a file")


def _csv(path: Path, kinds: Kinds, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(kinds)
        writer.writerows(rows)


def _json_lines(path: Path, kinds: Kinds, rows: Rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(dict(zip(kinds, row, strict=True)), ensure_ascii=False) + "\n")


def _parquet(path: Path, kinds: Kinds, rows: Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    columns = zip(*rows, strict=True) if rows else ([] for _ in kinds)
    arrays = [pa.array(column, types[kind]) for column, kind in zip(columns, kinds.values(), strict=True)]
    pq.write_table(pa.table(arrays, names=list(kinds)), path)


_WRITERS: dict[str, Callable[[Path, Kinds, Rows], None]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
