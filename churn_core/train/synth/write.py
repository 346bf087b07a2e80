"""Drawn customers as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from churn_core.errors import DataError
from churn_core.schemas import SchemaSpec
from churn_core.train.synth.draw import draw_batches

__all__ = ["synth"]

_BLOCKS_AT_ONCE = 16


def synth(
    spec: SchemaSpec,
    rows: int,
    seed: int,
    out: Path,
    on_rows: Callable[[int], None] | None = None,
) -> None:
    """Draw customers into a file that `prepare` reads, in memory that does not grow with `rows`.

    The label is written in the first spelling that the schema gives for each outcome.

    Args:
        out: Ends in `.csv` or `.parquet`; appears only when it is whole.
        on_rows: Told how many rows were written since it was last told.

    Raises:
        DataError: `out` is of another kind, or cannot be written.
    """
    writer = _WRITERS.get(out.suffix)
    if writer is None:
        raise DataError(f"{out} must end in {' or '.join(_WRITERS)}")
    if out.is_dir():
        raise DataError(f"{out} is a directory, not a file")
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with writer(unfinished, _batch_schema(spec)) as sink:
            for table in _ahead(_tables(spec, rows, seed)):
                sink.write(table)
                if on_rows:
                    on_rows(len(table))
        unfinished.replace(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _parquet(path: Path, schema: pa.Schema) -> Any:
    # Ids and amounts hardly repeat: trying a dictionary on them costs a third of the time.
    repeated: Any = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    return pq.ParquetWriter(path, schema, use_dictionary=repeated)


_WRITERS: dict[str, Callable[[Path, pa.Schema], Any]] = {".csv": pc.CSVWriter, ".parquet": _parquet}


def _batch_schema(spec: SchemaSpec) -> pa.Schema:
    return next(_tables(spec, 1, 0)).schema


def _tables(spec: SchemaSpec, rows: int, seed: int) -> Iterator[pa.Table]:
    """Tables of some blocks each, the label spelled as in files."""
    words = pa.array([str(spec.label.negative[0]), str(spec.label.positive[0])])
    batches = draw_batches(spec, rows, seed)
    while some := list(islice(batches, _BLOCKS_AT_ONCE)):
        table = pa.Table.from_batches(some).combine_chunks()
        churned = table.column(spec.label.name).chunk(0).cast(pa.int8())
        label = pa.DictionaryArray.from_arrays(churned, words)
        yield table.set_column(table.num_columns - 1, spec.label.name, label)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables, each made while the one before is written."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = pool.submit(next, tables, None)
            yield table
