"""Customers to one named float32 matrix: the same code in training and in serving."""

from __future__ import annotations

from churn_core.features.columns import ReadColumns, read_columns
from churn_core.features.encoder import Encoder, derived_features
from churn_core.features.raw import RawReader, RawTable
from churn_core.features.reference import FieldReference, field_value, reference

__all__ = [
    "Encoder",
    "FieldReference",
    "RawReader",
    "RawTable",
    "ReadColumns",
    "derived_features",
    "field_value",
    "read_columns",
    "reference",
]
