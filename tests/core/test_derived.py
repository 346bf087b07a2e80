"""Derived features: their values, and silence where a schema has no use for them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pytest

from churn_core.features import Encoder, RawReader, derived_features
from churn_core.schemas import Customer, IbmTelcoCustomer, Numeric, TelcoVisionCustomer

NAMES = ("tenure-bands", "loose-contract", "service-load")


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


def test_no_columns_where_a_schema_has_no_such_fields() -> None:
    assert derived(Bare) == {}
    assert set(derived(TelcoVisionCustomer)) == {
        "first_year",
        "first_three_years",
        "month_to_month_by_tenure",
    }
