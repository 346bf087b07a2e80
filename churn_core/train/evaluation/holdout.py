"""The hold-out as the candidate sees it, and the proof that the candidate was made for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_core import registry
from churn_core.bundle import Manifest, Scorer
from churn_core.errors import DataError, StageError
from churn_core.features import RawTable, read_columns
from churn_core.params import Params
from churn_core.train.prepared import Prepared, load_prepared

__all__ = ["CANDIDATE", "Holdout", "open_holdout"]

CANDIDATE = Path("models/candidate")


@dataclass(frozen=True)
class Holdout:
    """Customers that no fit has seen, with their outcomes and what the bundle says of them.

    Attributes:
        ids: Customer ids as an Arrow column, `[rows]`.
        raw: The customers as numbers.
        labels: int64 `[rows]`, 1 for churn.
        probabilities: float64 `[rows]`, as the bundle serves them.
    """

    ids: pa.ChunkedArray
    raw: RawTable
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)


def open_holdout(params: Params, root: Path, scorer: Scorer) -> Holdout:
    """Read the hold-out and score it.

    Raises:
        StageError: The bundle was trained with another schema, split or data.
        DataError: The data was not prepared, not with these parameters, or holds values that the
            bundle does not take.
    """
    spec = registry.get("schemas", params.schema_name).spec
    manifest = scorer.bundle
    if manifest.schema_fingerprint != spec.fingerprint:
        raise _stranger(
            f"it was trained for schema {manifest.schema_spec.name!r}, not for this {spec.name!r}"
        )
    prepared = load_prepared(root, spec, params)
    _check_lineage(manifest, prepared)
    table, labels = prepared.holdout
    # As Python's own values: Arrow turns columns into arrays with the help of pandas, a second to import.
    read = read_columns(manifest.schema_spec, table.to_pydict())
    if not read.valid.all():
        problem, rows = read.faults[0]
        raise DataError(f"{prepared.path}: {len(rows)} hold-out rows where {problem}; run `churn prepare`")
    probabilities = scorer.probabilities(read.raw).astype(np.float64)
    return Holdout(table.column("customer_id"), read.raw, labels, probabilities)


def _check_lineage(manifest: Manifest, prepared: Prepared) -> None:
    lineage, seed = manifest.lineage, prepared.origin.seed
    if lineage.split_seed != seed:
        raise _stranger(f"it was trained with split.seed {lineage.split_seed}, not {seed}")
    if lineage.holdout_digest != prepared.holdout_digest:
        rows = len(prepared.holdout_features)
        raise _stranger(
            f"its hold-out of {lineage.holdout_rows} customers is not the prepared one of {rows}: "
            "it may have been trained on customers that it would be judged by"
        )
    if lineage.train_digest != prepared.train_digest:
        raise _stranger("it was trained on other customers, or other outcomes, than those prepared now")


def _stranger(why: str) -> StageError:
    return StageError(f"{CANDIDATE} does not belong to the prepared data: {why}; run `churn train` again")
