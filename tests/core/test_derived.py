"""Derived features: their values, and silence where a schema has no use for them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.features import Encoder, RawReader, RawTable, derived_features
from churn_core.features.generic import UnitTotals
from churn_core.schemas import Customer, FieldSpec, IbmTelcoCustomer, Numeric, SchemaSpec, TelcoVisionCustomer
from tests.support.schemas import PhoneCustomer

NAMES = ("tenure-bands", "loose-contract", "service-load", "unit-totals")


class Bare(Customer, schema="bare"):
    """A customer of whom next to nothing is known."""

    age: Annotated[int, Numeric("Age", ge=0, le=120, example=40)]


def derived(schema: type[Customer], **changes: Any) -> dict[str, float]:
    """The derived columns of the schema's example, changed."""
    customer = schema.parse({**schema.spec.example(), **changes})
    encoder = Encoder(schema.spec, derived_features(NAMES))
    row = encoder.encode(RawReader(schema.spec).read([customer]))[0]
    values = zip(encoder.names, encoder.sources, row.tolist(), strict=True)
    return {name.partition(":")[2]: value for name, source, value in values if source in NAMES}


@pytest.mark.parametrize(
    ("months", "bands"), [(0, (1, 1)), (12, (1, 1)), (13, (0, 1)), (36, (0, 1)), (37, (0, 0))]
)
def test_tenure_bands(months: int, bands: tuple[int, int]) -> None:
    row = derived(TelcoVisionCustomer, tenure_months=months)
    assert (row["first_year"], row["first_three_years"]) == bands


@pytest.mark.parametrize("schema", [IbmTelcoCustomer, TelcoVisionCustomer])
def test_a_monthly_contract_loosens_with_youth(schema: type[Customer]) -> None:
    field = "contract" if schema is IbmTelcoCustomer else "contract_type"
    assert derived(schema, tenure_months=0)["month_to_month_by_tenure"] == 1
    assert derived(schema, tenure_months=4)["month_to_month_by_tenure"] == np.float32(0.2)
    assert derived(schema, **{field: "One year"})["month_to_month_by_tenure"] == 0


def test_services_are_counted() -> None:
    row = derived(IbmTelcoCustomer)  # phone, fibre, backup, television; month to month
    assert (row["count"], row["count_month_to_month"], row["count_fiber"]) == (4, 4, 4)
    row = derived(IbmTelcoCustomer, internet_service="DSL", contract="One year", multiple_lines="Yes")
    assert (row["count"], row["count_month_to_month"], row["count_fiber"]) == (5, 0, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, 1), ({"internet_service": "DSL"}, 0), ({"contract": "One year"}, 0)],
)
def test_fibre_by_the_month_is_marked(changes: dict[str, str], expected: int) -> None:
    assert derived(IbmTelcoCustomer, **changes)["month_to_month_fiber"] == expected


def test_a_line_with_nothing_else_is_marked() -> None:
    nothing = dict.fromkeys(("online_backup", "streaming_tv"), "No")
    alone = {**nothing, "phone_service": False, "multiple_lines": "No phone service"}
    assert derived(IbmTelcoCustomer, **alone)["internet_alone"] == 1
    assert derived(IbmTelcoCustomer, **{**alone, "tech_support": "Yes"})["internet_alone"] == 0
    assert derived(IbmTelcoCustomer, **nothing)["internet_alone"] == 0  # and a phone
    add_ons = ("online_security", "online_backup", "device_protection", "tech_support", "streaming_tv")
    offline = dict.fromkeys((*add_ons, "streaming_movies"), "No internet service")
    row = derived(IbmTelcoCustomer, **offline, internet_service="No")
    assert (row["count"], row["internet_alone"]) == (1, 0)


def test_no_columns_where_a_schema_has_no_such_fields() -> None:
    assert derived(Bare) == {}
    assert set(derived(TelcoVisionCustomer)) == {
        "first_year",
        "first_three_years",
        "month_to_month_by_tenure",
    }


def test_parts_of_a_bill_are_added_up() -> None:
    assert derived(PhoneCustomer) == {"currency": np.float32(30.7 + 4.1 + 0.2)}
    assert derived(PhoneCustomer, day_charge=0.0, night_charge=0.0, roaming_charge=0.0) == {"currency": 0}
    most = derived(PhoneCustomer, day_charge=5000.0, night_charge=5000.0, roaming_charge=5000.0)
    assert most == {"currency": 15_000}


def test_the_same_fields_with_other_units_give_other_totals() -> None:
    """Units have no part in a schema's fingerprint, so nothing may be remembered by it."""
    fields = [
        field.model_copy(update={"unit": "cents"}) if field.unit == "currency" else field
        for field in PhoneCustomer.spec.fields
    ]
    other = PhoneCustomer.spec.model_copy(update={"fields": tuple(fields)})
    assert other.fingerprint == PhoneCustomer.spec.fingerprint
    feature = UnitTotals()
    assert (feature.columns(PhoneCustomer.spec), feature.columns(other)) == (("currency",), ("cents",))
    assert feature.columns(PhoneCustomer.spec) == ("currency",)


NUMBERS = st.builds(
    lambda unit, low, span: {"unit": unit, "ge": low, "le": low + span, "example": low},
    st.sampled_from(["", "currency", "minutes", "calls"]),
    st.sampled_from([-10.0, 0.0, 5.0]),
    st.floats(1.0, 1e12),
)


@given(numbers=st.lists(NUMBERS, min_size=1, max_size=60), seed=st.integers(0, 999))
def test_totals_of_any_schema(numbers: list[dict[str, Any]], seed: int) -> None:
    """At most one column for three fields, finite, the same bits for one customer as for many, and right."""
    fields = [
        FieldSpec(name=f"n{index}", role="numeric", description="A number", **number)
        for index, number in enumerate(numbers)
    ]
    spec = SchemaSpec(
        name="any", version=1, description="Any", fields=tuple(fields), label=IbmTelcoCustomer.spec.label
    )
    low, high = np.array([field.bounds for field in fields]).T
    values = low + np.random.default_rng(seed).random((7, len(fields))) * (high - low)
    raw = RawTable(spec, np.vstack([values, low, high]))
    encoder = Encoder(spec, derived_features(["unit-totals"]))
    matrix = encoder.encode(raw)
    totals = matrix[:, len(fields) :]
    assert 3 * totals.shape[1] <= len(fields)
    assert np.isfinite(matrix).all()
    singly = [encoder.encode(RawTable(spec, raw.values[row : row + 1])) for row in range(len(raw))]
    assert np.concatenate(singly).tobytes() == matrix.tobytes()
    for name, total in zip(encoder.names[len(fields) :], totals.T, strict=True):
        unit = name.removeprefix("unit-totals:")
        places = [index for index, field in enumerate(fields) if field.unit == unit and field.bounds[0] >= 0]
        assert len(places) >= 3
        np.testing.assert_allclose(total, raw.values[:, places].sum(axis=1), rtol=1e-6)
