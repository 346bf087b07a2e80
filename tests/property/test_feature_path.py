"""One customer, a million, any order, any door: the same float32 bits."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core import registry
from churn_core.features import Encoder, RawReader, derived_features, field_value, read_columns
from churn_core.schemas import Customer, IbmTelcoCustomer, TelcoVisionCustomer
from churn_core.testing import customers
from tests.support.schemas import PhoneCustomer

SCHEMAS: list[type[Customer]] = [IbmTelcoCustomer, TelcoVisionCustomer, PhoneCustomer]


@cache
def path(schema: type[Customer]) -> tuple[RawReader, Encoder]:
    """With every derived feature that is installed."""
    return RawReader(schema.spec), Encoder(schema.spec, derived_features(registry.names("features")))


def lists(schema: type[Customer]) -> st.SearchStrategy[list[Any]]:
    return st.lists(customers(schema), min_size=1, max_size=20)


@pytest.mark.parametrize("schema", SCHEMAS)
@given(data=st.data(), seed=st.integers(0, 2**16))
def test_one_by_one_equals_in_bulk_in_any_order(
    schema: type[Customer], data: st.DataObject, seed: int
) -> None:
    rows = data.draw(lists(schema))
    reader, encoder = path(schema)
    bulk = encoder.encode(reader.read(rows))
    single = np.concatenate([encoder.encode(reader.read([row])) for row in rows])
    assert bulk.tobytes() == single.tobytes()
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    shuffled = encoder.encode(reader.read([rows[i] for i in order]))
    assert shuffled.tobytes() == bulk[order].tobytes()


@pytest.mark.parametrize("schema", SCHEMAS)
@given(data=st.data())
def test_arrow_equals_customers(schema: type[Customer], data: st.DataObject) -> None:
    rows = data.draw(lists(schema))
    reader, encoder = path(schema)
    read = read_columns(schema.spec, pa.Table.from_pylist([row.model_dump() for row in rows]))
    assert read.valid.all()
    assert encoder.encode(read.raw).tobytes() == encoder.encode(reader.read(rows)).tobytes()


@pytest.mark.parametrize("schema", SCHEMAS)
@given(data=st.data())
def test_features_are_finite_and_raw_numbers_turn_back(schema: type[Customer], data: st.DataObject) -> None:
    row = data.draw(customers(schema))
    reader, encoder = path(schema)
    raw = reader.read([row])
    assert np.isfinite(encoder.encode(raw)).all()
    values = [field_value(f, v) for f, v in zip(schema.spec.fields, raw.values[0].tolist(), strict=True)]
    assert values == [getattr(row, name) for name in schema.spec.names]


@given(rows=st.integers(1, 5000), start=st.integers(0, 64))
def test_bits_do_not_depend_on_place_or_alignment(rows: int, start: int) -> None:
    """SIMD loops treat the ends of an array apart: values there must not differ."""
    reader, encoder = path(IbmTelcoCustomer)
    example = IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example())
    one = reader.read([example])
    many = type(one)(one.spec, np.repeat(one.values, start + rows, axis=0)[start:])
    assert (encoder.encode(many) == encoder.encode(one)).all()
