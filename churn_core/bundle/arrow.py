"""Scored columns as an Arrow batch."""

# pyright: basic
# pyarrow ships no type stubs.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_core.bundle.policy import DecisionPolicy
from churn_core.features import ReadColumns
from churn_core.schemas import Reason

__all__ = ["scored_batch"]

_LEVELS = pa.array(["LOW", "MEDIUM", "HIGH"])
_REASON = {"feature": pa.string(), "value": pa.string(), "effect": pa.float64(), "text": pa.string()}
_REASONS = pa.list_(pa.struct(list(_REASON.items())))


def scored_batch(
    source: Any,
    columns: ReadColumns,
    probability: NDArray[np.float32],
    policy: DecisionPolicy,
    bounds: NDArray[np.float64] | None = None,
    reasons: Iterable[Sequence[Reason]] | None = None,
) -> Any:
    """One row for each row of `source`; see `Scorer.score_arrow`."""
    exact = probability.astype(np.float64)
    values = policy.values(columns.raw)
    threshold = np.full(len(exact), policy.threshold_of(values))
    refused = ~columns.valid
    level = (exact >= policy.medium_risk).astype(np.int8) + (exact >= policy.high_risk)
    risk = pa.DictionaryArray.from_arrays(pa.array(level, pa.int8(), mask=refused), _LEVELS)
    arrays = {
        "customer_id": _ids(source, len(exact)),
        "churn_probability": pa.array(exact, mask=refused),
        "churn_prediction": pa.array((exact >= threshold).astype(np.int8), mask=refused),
        "churn_risk": risk,
        "threshold": pa.array(threshold, mask=refused),
        "expected_profit": pa.array(policy.expected_profit(exact, values), mask=refused),
        **({} if reasons is None else {"reasons": _reasons(columns, reasons)}),
        "error": _errors(columns),
    }
    if bounds is not None:
        for name, bound in zip(("probability_low", "probability_high"), bounds, strict=True):
            arrays[name] = pa.array(bound, mask=refused)
    return pa.RecordBatch.from_pydict(arrays)


def _reasons(columns: ReadColumns, reasons: Iterable[Sequence[Reason]]) -> pa.Array:
    rows = [
        [{**reason.model_dump(), "value": str(reason.value)} for reason in why] if valid else None
        for why, valid in zip(reasons, columns.valid.tolist(), strict=True)
    ]
    return pa.array(rows, _REASONS)


def _ids(source: Any, rows: int) -> pa.Array:
    if "customer_id" not in source.schema.names:
        return pa.nulls(rows, pa.string())
    ids = source.column("customer_id")
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def _errors(columns: ReadColumns) -> pa.Array:
    texts: list[str | None] = [None] * len(columns.valid)
    for problem, rows in columns.faults:
        for row in rows.tolist():
            texts[row] = f"{texts[row]}; {problem}" if texts[row] else str(problem)
    return pa.array(texts, pa.string())
