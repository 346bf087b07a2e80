"""Validated, split customers: the one door through which later stages read data."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from churn_core.errors import DataError
from churn_core.params import Params
from churn_core.schemas import SchemaSpec
from churn_core.train.columns import column_of, numbers

__all__ = ["PREPARED", "Origin", "Part", "Prepared", "customer_schema", "load_prepared", "write_prepared"]

PREPARED = Path("data/prepared/customers.parquet")
_COMPUTE: Any = pc  # its functions are made when it is imported
_FINGERPRINT, _ORIGIN = b"churn.schema_fingerprint", b"churn.origin"
_TYPES = {"category": pa.string(), "flag": pa.bool_(), "numeric": pa.float64()}


class Origin(NamedTuple):
    """Which data set was prepared, and how it was split."""

    dataset: str
    seed: int
    holdout: float

    @classmethod
    def of(cls, params: Params) -> Origin:
        """What `prepare` makes of these parameters."""
        return cls(params.dataset.name, params.split.seed, params.split.holdout)

    def settings(self) -> dict[str, str]:
        """The parameters by name, in words."""
        words = (repr(self.dataset), str(self.seed), f"{self.holdout:g}")
        return dict(zip(("dataset.name", "split.seed", "split.holdout"), words, strict=True))


class Part(NamedTuple):
    """One side of the split.

    Attributes:
        table: `customer_id` and the schema's fields, in file order.
        labels: int64 `[rows]`, 1 for churn.
    """

    table: pa.Table
    labels: NDArray[np.int64]


class Prepared:
    """The prepared customers, read when they are asked for.

    `train` and `holdout_features` never look at a label of the hold-out.

    Attributes:
        origin: What they were prepared from, as `prepare` wrote it down.
    """

    def __init__(self, path: Path, spec: SchemaSpec, origin: Origin) -> None:
        self.path = path
        self.spec = spec
        self.origin = origin
        self._customers = ["customer_id", *spec.names]

    @cached_property
    def train(self) -> Part:
        """The customers to fit on."""
        return self._part("train")

    @cached_property
    def holdout(self) -> Part:
        """The customers that no fit may see, for evaluation alone."""
        return self._part("holdout")

    @cached_property
    def holdout_features(self) -> pa.Table:
        """The customers of the hold-out without their outcomes."""
        return self._read("holdout", self._customers)

    @cached_property
    def train_digest(self) -> str:
        """SHA-256 of the training customers and their outcomes, in order."""
        return _digest(self.train.table, self.train.labels)

    @cached_property
    def holdout_digest(self) -> str:
        """SHA-256 of the hold-out's customers without their outcomes, in order."""
        return _digest(self.holdout_features)

    def _part(self, side: str) -> Part:
        table = self._read(side, [*self._customers, self.spec.label.name])
        labels = numbers(table.column(self.spec.label.name)).astype(np.int64)
        return Part(table.select(self._customers), labels)

    def _read(self, side: str, columns: list[str]) -> pa.Table:
        # `read_table` with its filters imports pandas, which takes a second.
        with pq.ParquetFile(self.path) as file:
            table = file.read([*columns, "split"])
        return table.filter(_COMPUTE.match_like(table["split"], side)).select(columns)


def load_prepared(root: Path, spec: SchemaSpec, params: Params | None = None) -> Prepared:
    """Open `data/prepared`.

    Args:
        params: Refuse what was prepared from another data set or with another split than these name.

    Raises:
        DataError: It was not prepared yet, or for another schema or other parameters.
    """
    path = root / PREPARED
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        raise DataError(f"{path} is missing or damaged; run `churn prepare`") from None
    if metadata.get(_FINGERPRINT) != spec.fingerprint.encode():
        raise DataError(f"{path} was prepared for another schema than {spec.name!r}; run `churn prepare`")
    prepared = Prepared(path, spec, _origin(path, metadata))
    if params is not None:
        _check_origin(prepared, Origin.of(params))
    return prepared


def _origin(path: Path, metadata: dict[bytes, bytes]) -> Origin:
    try:
        return Origin(**json.loads(metadata[_ORIGIN]))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} does not say how it was prepared; run `churn prepare`") from None


def _check_origin(prepared: Prepared, wanted: Origin) -> None:
    found = prepared.origin.settings()
    for name, value in wanted.settings().items():
        if found[name] != value:
            raise DataError(
                f"{prepared.path} was prepared with {name} {found[name]}, but the parameters say {value}; "
                f"run `churn {'fetch` and `churn ' if name == 'dataset.name' else ''}prepare`"
            )


def write_prepared(
    root: Path,
    spec: SchemaSpec,
    customers: pa.Table,
    labels: NDArray[np.bool_],
    holdout: NDArray[np.bool_],
    origin: Origin,
) -> Path:
    """Write valid customers and their sides.

    Args:
        customers: Has the columns of `customer_schema`.
        holdout: True for rows that are held out.
        origin: Kept in the file, for later stages to compare with their parameters.
    """
    schema = customer_schema(spec)
    split = column_of(np.where(holdout, "holdout", "train").tolist(), pa.string())
    columns = [*customers.select(schema.names).cast(schema).columns, column_of(labels, pa.bool_()), split]
    table = pa.table(columns, names=[*schema.names, spec.label.name, "split"])
    path = root / PREPARED
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {_FINGERPRINT: spec.fingerprint, _ORIGIN: json.dumps(origin._asdict())}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def customer_schema(spec: SchemaSpec) -> pa.Schema:
    """Columns and types of a table of customers, without label and split."""
    fields = [(field.name, pa.int64() if field.integer else _TYPES[field.role]) for field in spec.fields]
    return pa.schema([("customer_id", pa.string()), *fields])


def _digest(table: pa.Table, labels: NDArray[np.int64] | None = None) -> str:
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(f"{name}:{column.type}:{len(column)};".encode())
        if pa.types.is_string(column.type):
            digest.update(json.dumps(column.to_pylist()).encode())
        else:
            digest.update(numbers(column).tobytes())
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
