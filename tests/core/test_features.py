"""The feature path: what columns mean, and every door into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from churn_core.errors import FeatureError
from churn_core.features import Encoder, RawReader, RawTable, field_value, read_columns, reference
from churn_core.schemas import IbmTelcoCustomer, SchemaSpec, TelcoVisionCustomer

SPEC = IbmTelcoCustomer.spec
EXAMPLE = SPEC.example()


class ChargePerMonth:
    version: ClassVar[int] = 1

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("mean",)

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        return (raw.number("total_charges") / np.maximum(raw.number("tenure_months"), 1),)


def raw(*changes: dict[str, Any]) -> RawTable:
    customers = [IbmTelcoCustomer.parse({**EXAMPLE, **change}) for change in changes]
    return RawReader(SPEC).read(customers)


def test_columns_say_what_they_hold() -> None:
    encoder = Encoder(SPEC, [("charge", ChargePerMonth())])
    row = dict(zip(encoder.names, encoder.encode(raw({}))[0], strict=True))
    assert row["tenure_months"] == 5
    assert row["senior_citizen"] == 0
    assert row["paperless_billing"] == 1
    assert row["contract=Month-to-month"] == 1
    assert row["contract=One year"] == row["contract=Two year"] == 0
    assert row["charge:mean"] == np.float32(430.25 / 5)
    assert encoder.sources[encoder.names.index("contract=One year")] == "contract"
    assert encoder.sources[-1] == "charge"


@pytest.mark.parametrize("spec", [IbmTelcoCustomer.spec, TelcoVisionCustomer.spec], ids=lambda s: s.name)
def test_matrix_has_one_float32_column_a_name(spec: SchemaSpec) -> None:
    encoder = Encoder(spec)
    width = sum(len(field.values) or 1 for field in spec.fields)
    matrix = encoder.encode(RawTable(spec, np.zeros((3, len(spec.fields)))))
    assert matrix.shape == (3, width) == (3, len(encoder.names))
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous


def test_no_rows_give_an_empty_matrix() -> None:
    assert Encoder(SPEC).encode(RawReader(SPEC).read([])).shape == (0, 41)


def test_raw_access_by_role() -> None:
    table = raw({}, {"contract": "Two year"})
    assert table.equals("contract", "One year", "Two year").tolist() == [0, 1]
    assert table.flag("partner").tolist() == [1, 1]
    for ask in (
        lambda: table.number("contract"),
        lambda: table.flag("tenure_months"),
        lambda: table.number("no_such"),
        lambda: table.equals("contract", "Weekly"),
    ):
        with pytest.raises(FeatureError, match=r"contract|tenure_months|no_such"):
            ask()


def test_a_feature_must_keep_its_word() -> None:
    class Short(ChargePerMonth):
        def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
            return ()

    with pytest.raises(FeatureError, match="'short' gave 0 columns instead of 1"):
        Encoder(SPEC, [("short", Short())]).encode(raw({}))
    with pytest.raises(FeatureError, match="same name"):
        Encoder(SPEC, [("twice", ChargePerMonth()), ("twice", ChargePerMonth())])


def test_a_feature_without_use_for_a_schema_adds_nothing() -> None:
    class Elsewhere(ChargePerMonth):
        def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
            return ()

    encoder = Encoder(SPEC, [("elsewhere", Elsewhere())])
    assert encoder.names == Encoder(SPEC).names
    assert np.array_equal(encoder.encode(raw({})), Encoder(SPEC).encode(raw({})))


ROWS = [
    EXAMPLE,
    {**EXAMPLE, "contract": "Two year", "tenure_months": 70, "monthly_charges": 19.99, "partner": False},
    {**EXAMPLE, "phone_service": False, "multiple_lines": "No phone service", "total_charges": 8684.8},
]
ARROW = pa.Table.from_pylist(ROWS)
DOORS: dict[str, Any] = {
    "arrow table": ARROW,
    "arrow table in chunks": pa.concat_tables([ARROW.slice(0, 1), ARROW.slice(1)]),
    "arrow batch": ARROW.to_batches()[0],
    "arrow dictionary": ARROW.set_column(
        ARROW.schema.get_field_index("contract"), "contract", ARROW["contract"].dictionary_encode()
    ),
    "sliced": pa.concat_tables([ARROW, ARROW]).slice(3),
    "pandas": ARROW.to_pandas(),
    "pandas category": ARROW.to_pandas().astype({"contract": "category"}),
    "lists": ARROW.to_pydict(),
    "arrays": {
        name: np.array(column.to_pylist()) for name, column in zip(ARROW.column_names, ARROW, strict=True)
    },
    "float integers": ARROW.to_pandas().astype({"tenure_months": float}),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_leads_to_the_same_numbers(door: str) -> None:
    expected = RawReader(SPEC).read([IbmTelcoCustomer.parse(row) for row in ROWS]).values
    read = read_columns(SPEC, DOORS[door])
    assert read.valid.all(), read.faults
    assert np.array_equal(read.raw.values, expected)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenure_months", -1),
        ("tenure_months", 1.5),
        ("tenure_months", None),
        ("tenure_months", "5"),
        ("tenure_months", True),
        ("monthly_charges", float("nan")),
        ("monthly_charges", float("inf")),
        ("monthly_charges", 10_000.5),
        ("partner", 1),
        ("partner", None),
        ("contract", "Weekly"),
        ("contract", 3),
        ("contract", None),
        ("multiple_lines", "No phone service"),
        ("internet_service", "No"),
    ],
)
def test_a_bad_value_is_found_in_its_row_alone(field: str, value: object) -> None:
    columns: dict[str, list[Any]] = {name: [EXAMPLE[name]] * 3 for name in EXAMPLE}
    columns[field] = [EXAMPLE[field], value, EXAMPLE[field]]
    read = read_columns(SPEC, columns)
    assert read.valid.tolist() == [True, False, True]
    assert read.faults
    for problem, rows in read.faults:
        assert rows.tolist() == [1]
        assert repr(value) not in problem.message


def test_columns_of_a_wrong_kind_are_refused_row_by_row() -> None:
    frame = pd.DataFrame([EXAMPLE] * 2).assign(tenure_months=pd.Timestamp("2024-01-01"))
    assert read_columns(SPEC, frame).valid.tolist() == [False, False]


def test_missing_and_uneven_columns_are_errors() -> None:
    columns: dict[str, Any] = {name: [value] for name, value in EXAMPLE.items()}
    with pytest.raises(FeatureError, match="columns differ in length"):
        read_columns(SPEC, {**columns, "contract": ["One year"] * 2})
    del columns["contract"]
    with pytest.raises(FeatureError, match="column 'contract' is missing"):
        read_columns(SPEC, columns)


def test_no_rows_can_be_read() -> None:
    assert len(read_columns(SPEC, ARROW.slice(0, 0)).raw) == 0


def test_reference_summarises_each_field() -> None:
    records = {r.field: r for r in reference(raw({}, {"tenure_months": 9}, {"contract": "One year"}))}
    assert records["tenure_months"].typical == 5
    assert records["tenure_months"].quantiles[0] == 5
    assert records["tenure_months"].quantiles[-1] == 9
    assert records["contract"].typical == "Month-to-month"
    assert records["contract"].shares["One year"] == pytest.approx(1 / 3)
    assert records["partner"].typical is True
    assert records["partner"].shares == {"false": 0.0, "true": 1.0}


def test_raw_numbers_turn_back_into_values() -> None:
    values = [field_value(f, v) for f, v in zip(SPEC.fields, raw({}).values[0].tolist(), strict=True)]
    assert values == [EXAMPLE[name] for name in SPEC.names]
    assert [type(v) for v in values] == [type(EXAMPLE[name]) for name in SPEC.names]
