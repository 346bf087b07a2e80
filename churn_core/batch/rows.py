"""Rows of CSV, JSON-lines and Parquet files, one by one and unchanged.

What the values mean is for `churn_core.schemas.Reader` to say; here a file either opens or
is refused with one sentence.
"""

# pyright: basic
# pyarrow ships no type stubs.

from __future__ import annotations

import codecs
import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from churn_core.errors import DataError
from churn_core.schemas import FieldProblem

__all__ = ["SUFFIXES", "RowFile", "check_file", "check_utf8", "open_rows"]

_BATCH = 16_384


class RowFile(ABC):
    """A file of rows.

    Attributes:
        header: Names of the columns.
    """

    header: tuple[str, ...]

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reading():
            self.header = self._header()
        if not self.header:
            raise DataError(f"{path} names no columns")

    def __iter__(self) -> Iterator[Sequence[object]]:
        """Each row's values in the order of the header.

        A row that cannot be read at all comes as a `FieldProblem` instead.

        Raises:
            DataError: From some row on, the file cannot be read.
        """
        with self._reading():
            yield from self._rows()

    @abstractmethod
    def _header(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _rows(self) -> Iterator[Sequence[object]]: ...

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except UnicodeDecodeError:
            check_utf8(self.path)
            raise
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or type(error).__name__}") from None


class CsvRows(RowFile):
    """Values separated by commas, one line a row, in UTF-8 with or without a byte order mark."""

    def _header(self) -> tuple[str, ...]:
        self._check_delimiter()
        return tuple(next(self._records(), ()))

    def _rows(self) -> Iterator[Sequence[object]]:
        records = self._records()
        next(records, None)
        return records

    def _records(self) -> Iterator[list[str]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            start = 1
            try:
                for record in reader:
                    if reader.line_num > start:
                        raise DataError(self._spanning(start, reader.line_num))
                    start = reader.line_num + 1
                    if record:
                        yield record
            except csv.Error as error:
                raise DataError(self._invalid(start, reader.line_num, error)) from None

    def _spanning(self, start: int, end: int) -> str:
        """A forgotten quote would swallow all rows up to the next one, and nobody would miss them."""
        return (
            f"{self.path}: a quote opens at line {start} and closes at line {end}; "
            "a row must not span more than one line"
        )

    def _invalid(self, start: int, end: int, error: csv.Error) -> str:
        if end > start:
            return f"{self.path} is not valid CSV: a quote opens at line {start} and does not close in it"
        return f"{self.path} is not valid CSV at line {start}: {error}"

    def _check_delimiter(self) -> None:
        with self.path.open(encoding="utf-8-sig") as file:
            line = file.readline()
        for sign, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if sign in line and "," not in line:
                raise DataError(f"the columns of {self.path} are separated by {name}; only commas are read")


class JsonRows(RowFile):
    """One JSON object a line; a key that a line lacks is a blank."""

    def _header(self) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for record in self._records():
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
        return tuple(names)

    def _rows(self) -> Iterator[Sequence[object]]:
        wrong = FieldProblem("", "is not a JSON object", "one flat JSON object a line")
        for record in self._records():
            if isinstance(record, dict):
                fields = record
                yield [fields.get(name) for name in self.header]
            else:
                yield wrong

    def _records(self) -> Iterator[object]:
        with self.path.open(encoding="utf-8-sig") as file:
            for line in file:
                if line.strip():
                    try:
                        yield json.loads(line)
                    except (ValueError, RecursionError):
                        yield None


class ParquetRows(RowFile):
    """Parquet, read batch by batch."""

    def _header(self) -> tuple[str, ...]:
        with self._open() as file:
            return tuple(file.schema_arrow.names)

    def _rows(self) -> Iterator[Sequence[object]]:
        with self._open() as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    @contextmanager
    def _open(self) -> Generator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as error:
            if getattr(error, "errno", None):
                raise
            raise DataError(f"{self.path} is not a Parquet file, or is damaged") from None


_KINDS: dict[str, type[RowFile]] = {
    ".csv": CsvRows,
    ".jsonl": JsonRows,
    ".ndjson": JsonRows,
    ".parquet": ParquetRows,
}
SUFFIXES = tuple(_KINDS)


def open_rows(path: Path) -> RowFile:
    """Open a file by the end of its name.

    Raises:
        DataError: It is missing, a folder, empty, of another kind, damaged, or not in UTF-8.
    """
    check_file(path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} is of no known kind; known are {', '.join(SUFFIXES)}")
    return kind(path)


def check_file(path: Path) -> None:
    """Refuse what is not a file with content.

    Raises:
        DataError: It is missing, a folder or empty.
    """
    if path.is_dir():
        raise DataError(f"{path} is a directory, not a file")
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")


def check_utf8(path: Path) -> None:
    """Refuse text in another encoding.

    Raises:
        DataError: With the number of the first line that is not UTF-8.
    """
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise DataError(f"{path} is in UTF-16; save it as UTF-8")
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                raise DataError(f"{path} is not in UTF-8 (line {number}); save it as UTF-8") from None
