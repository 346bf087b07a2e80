"""The second stage: every row is validated by the schema, refused with a reason, or split."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_core import registry
from churn_core.batch.rows import RowFile, open_rows
from churn_core.errors import DataError
from churn_core.params import Params
from churn_core.schemas import FieldProblem, SchemaSpec
from churn_core.schemas.spelling import Reader, ReadRow
from churn_core.train.columns import column_of, numbers
from churn_core.train.prepared import PREPARED, Origin, customer_schema, write_prepared
from churn_core.train.raw import raw_file
from churn_core.train.rejects import REJECTS, Rejects
from churn_core.train.split import check_enough, draw_holdout, profile_hashes

__all__ = ["PrepareReport", "prepare"]

_CHUNK = 50_000
_ROW, _LABEL = "\0row", "\0label"  # cannot be names of fields

_REPEATED = FieldProblem("customer_id", "repeats an earlier, identical row", "")
_CONTRADICTED = FieldProblem("customer_id", "is shared by rows that differ", "")


@dataclass(frozen=True)
class PrepareReport:
    """What became of the rows of the file.

    Attributes:
        churned: Customers who churned, on both sides.
        ignored_columns: Columns of the file that the schema does not know.
    """

    rows: int
    rejected: int
    train: int
    holdout: int
    churned: int
    ignored_columns: tuple[str, ...]


def prepare(
    params: Params, root: Path = Path(), on_rows: Callable[[int], None] | None = None
) -> PrepareReport:
    """Validate and split the fetched customers.

    Writes `data/prepared/customers.parquet` and `data/rejects/`. Of identical rows with the
    same `customer_id` the first is kept; where such rows differ, all are refused, since
    nothing says which of them is true.

    Args:
        on_rows: Told how many rows were read since it was last told.

    Raises:
        DataError: The file cannot be read, too many rows are refused, or there are too few
            customers to train on.
        PluginError: The schema is unknown or broken.
    """
    spec: SchemaSpec = registry.get("schemas", params.schema_name).spec
    for folder in (root / PREPARED.parent, root / REJECTS):
        shutil.rmtree(folder, ignore_errors=True)
    rows = open_rows(raw_file(root))
    reader = Reader(spec, rows.header, label=True)
    rejects = Rejects()
    customers = _unique(_read(rows, reader, rejects, on_rows), rejects)
    total = len(customers) + len(rejects)
    if not total:
        raise DataError(f"{rows.path} has a header but no rows")
    rejects.write(root / REJECTS, rows, total, reader.columns.ignored)
    rejects.check(root / REJECTS, total, params.dataset.max_rejects)
    labels = numbers(customers.column(_LABEL)).astype(bool)
    check_enough(labels, spec)
    holdout = draw_holdout(profile_hashes(customers, spec, params.split.seed), labels, params.split)
    write_prepared(root, spec, customers, labels, holdout, Origin.of(params))
    held = int(holdout.sum())
    return PrepareReport(
        rows=total,
        rejected=len(rejects),
        train=len(labels) - held,
        holdout=held,
        churned=int(labels.sum()),
        ignored_columns=reader.columns.ignored,
    )


def _read(rows: RowFile, reader: Reader, rejects: Rejects, on_rows: Callable[[int], None] | None) -> pa.Table:
    """The valid customers with row number and label."""
    schema = customer_schema(reader.spec).append(pa.field(_ROW, pa.int64()))
    schema = schema.append(pa.field(_LABEL, pa.bool_()))
    batches: list[pa.RecordBatch] = []
    numbered = enumerate(rows, start=1)
    while chunk := list(islice(numbered, _CHUNK)):
        valid: list[dict[str, Any]] = []
        for number, values in chunk:
            customer, label, problems = _read_row(reader, values)
            if customer is None:
                rejects.add(number, *problems)
            else:
                valid.append({**customer, _ROW: number, _LABEL: label})
        columns = [column_of([row[field.name] for row in valid], field.type) for field in schema]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
        if on_rows:
            on_rows(len(chunk))
    return pa.Table.from_batches(batches, schema)


def _read_row(reader: Reader, values: Sequence[object]) -> ReadRow:
    return ReadRow(None, None, (values,)) if isinstance(values, FieldProblem) else reader.read(values)


def _unique(customers: pa.Table, rejects: Rejects) -> pa.Table:
    """Refuse rows that repeat or contradict others of the same customer."""
    ids = numbers(customers.column("customer_id").combine_chunks().dictionary_encode().indices).astype(
        np.int64
    )
    places = np.flatnonzero(np.bincount(ids)[ids] > 1)
    if not len(places):
        return customers
    keep = np.ones(len(customers), dtype=bool)
    by_id: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for place, customer in zip(places.tolist(), customers.take(places).to_pylist(), strict=True):
        by_id.setdefault(customer["customer_id"], []).append((place, customer))
    for same in by_id.values():
        row_numbers = [customer.pop(_ROW) for _, customer in same]
        alike = all(customer == same[0][1] for _, customer in same)
        for (place, _), number in list(zip(same, row_numbers, strict=True))[int(alike) :]:
            rejects.add(number, _REPEATED if alike else _CONTRADICTED)
            keep[place] = False
    return customers.filter(pa.array(keep))
