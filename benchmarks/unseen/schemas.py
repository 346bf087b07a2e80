"""Schemas for data sets that nothing in this project was tuned on: all that a team would write."""

from __future__ import annotations

from typing import Annotated, Literal

from churn_core.schemas import Category, Customer, Flag, LabelSpec, Numeric, SchemaSpec, customer_class
from churn_core.schemas.spec import FieldSpec

__all__ = ["MlcCustomer", "TvSubscriber"]

State = Literal[
    "AK",
    "AL",
    "AR",
    "AZ",
    "CA",
    "CO",
    "CT",
    "DC",
    "DE",
    "FL",
    "GA",
    "HI",
    "IA",
    "ID",
    "IL",
    "IN",
    "KS",
    "KY",
    "LA",
    "MA",
    "MD",
    "ME",
    "MI",
    "MN",
    "MO",
    "MS",
    "MT",
    "NC",
    "ND",
    "NE",
    "NH",
    "NJ",
    "NM",
    "NV",
    "NY",
    "OH",
    "OK",
    "OR",
    "PA",
    "RI",
    "SC",
    "SD",
    "TN",
    "TX",
    "UT",
    "VA",
    "VT",
    "WA",
    "WI",
    "WV",
    "WY",
]


class MlcCustomer(
    Customer,
    schema="mlc-churn",
    version=1,
    label=LabelSpec(name="churn", positive=("yes",), negative=("no",)),
    id_columns=("rownames",),
):
    """A phone customer of `mlc_churn` in R's modeldata: 5,000 customers, their usage and their plans."""

    state: Annotated[State, Category("State of the USA", example="OH")]
    account_length: Annotated[int, Numeric("Months as a customer", ge=0, le=1200, unit="months", example=100)]
    area_code: Annotated[
        Literal["area_code_408", "area_code_415", "area_code_510"],
        Category("Area code", example="area_code_415"),
    ]
    international_plan: Annotated[bool, Flag("Has an international plan", example=False)]
    voice_mail_plan: Annotated[bool, Flag("Has a voice mail plan", example=True)]
    number_vmail_messages: Annotated[int, Numeric("Voice mail messages", ge=0, le=1000, example=25)]
    total_day_minutes: Annotated[
        float, Numeric("Minutes of day calls", ge=0, le=10_000, unit="minutes", example=180.1)
    ]
    total_day_calls: Annotated[int, Numeric("Day calls", ge=0, le=10_000, unit="calls", example=100)]
    total_day_charge: Annotated[
        float, Numeric("Charged for day calls", ge=0, le=10_000, unit="currency", example=30.62)
    ]
    total_eve_minutes: Annotated[
        float, Numeric("Minutes of evening calls", ge=0, le=10_000, unit="minutes", example=201.4)
    ]
    total_eve_calls: Annotated[int, Numeric("Evening calls", ge=0, le=10_000, unit="calls", example=100)]
    total_eve_charge: Annotated[
        float, Numeric("Charged for evening calls", ge=0, le=10_000, unit="currency", example=17.09)
    ]
    total_night_minutes: Annotated[
        float, Numeric("Minutes of night calls", ge=0, le=10_000, unit="minutes", example=200.4)
    ]
    total_night_calls: Annotated[int, Numeric("Night calls", ge=0, le=10_000, unit="calls", example=100)]
    total_night_charge: Annotated[
        float, Numeric("Charged for night calls", ge=0, le=10_000, unit="currency", example=9.02)
    ]
    total_intl_minutes: Annotated[
        float, Numeric("Minutes of international calls", ge=0, le=10_000, unit="minutes", example=10.3)
    ]
    total_intl_calls: Annotated[int, Numeric("International calls", ge=0, le=10_000, unit="calls", example=4)]
    total_intl_charge: Annotated[
        float, Numeric("Charged for international calls", ge=0, le=10_000, unit="currency", example=2.78)
    ]
    number_customer_service_calls: Annotated[
        int, Numeric("Calls to customer service", ge=0, le=1000, unit="calls", example=1)
    ]


_COUNTED = tuple(f"x{index}" for index in range(22, 42))
_CODES = {"x42": 3, "x43": 12, "x44": 5, "x45": 3, "x46": 4}

# Fields without names: flags, numbers that somebody standardised, and codes.
TvSubscriber = customer_class(
    SchemaSpec(
        name="tv-subscriptions",
        version=1,
        description="One of 9,379 households with cable television; fields have lost their names.",
        fields=(
            *(
                FieldSpec(name=f"x{index}", role="flag", description=f"Flag {index}", example=False)
                for index in range(1, 22)
            ),
            *(
                FieldSpec(
                    name=name, role="numeric", description=f"Number {name}", ge=-100, le=1000, example=0.0
                )
                for name in _COUNTED
            ),
            *(
                FieldSpec(
                    name=name,
                    role="category",
                    description=f"Code {name}",
                    values=tuple(str(code) for code in range(1, count + 1)),
                    example="1",
                )
                for name, count in _CODES.items()
            ),
        ),
        label=LabelSpec(name="target", positive=(1,), negative=(0,)),
        id_columns=("id",),
    )
)
