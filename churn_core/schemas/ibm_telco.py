"""The IBM Telco customer churn data: 7,043 customers of a Californian telecom."""

from __future__ import annotations

from typing import Annotated, Literal

from churn_core.schemas.base import Customer
from churn_core.schemas.fields import Category, Flag, Numeric
from churn_core.schemas.rules import BlankMeans, Condition, Implies
from churn_core.schemas.spec import FileColumn, LabelSpec, SliceSpec

__all__ = ["IbmTelcoCustomer"]

AddOn = Literal["No", "Yes", "No internet service"]
_ADD_ONS = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
_NO_INTERNET = Condition(field="internet_service", values=("No",))


class IbmTelcoCustomer(
    Customer,
    schema="ibm-telco",
    version=1,
    label=LabelSpec(
        name="churn", columns=("Churn Label", "Churn Value"), positive=("Yes", "1"), negative=("No", "0")
    ),
    slices=(
        SliceSpec(field="gender"),
        SliceSpec(field="senior_citizen"),
        SliceSpec(field="contract"),
        SliceSpec(field="internet_service"),
        SliceSpec(field="tenure_months", edges=(12, 36)),
    ),
    rules=(
        BlankMeans(field="total_charges", value=0.0, when=Condition(field="tenure_months", values=(0,))),
        Implies(
            when=Condition(field="phone_service", values=(False,)),
            then=Condition(field="multiple_lines", values=("No phone service",)),
            both_ways=True,
        ),
        *(
            Implies(
                when=_NO_INTERNET,
                then=Condition(field=name, values=("No internet service",)),
                both_ways=True,
            )
            for name in _ADD_ONS
        ),
    ),
    id_columns=("customerID", "rownames"),
):
    """A residential customer of a telecom that sells phone, internet and add-on services."""

    gender: Annotated[
        Literal["Female", "Male"],
        Category(
            "Gender on file",
            example="Female",
            columns=(FileColumn(name="female", values={"1": "Female", "0": "Male"}),),
        ),
    ]
    senior_citizen: Annotated[bool, Flag("Is 65 or older", example=False)]
    partner: Annotated[bool, Flag("Lives with a partner", example=True)]
    dependents: Annotated[bool, Flag("Lives with dependents", example=False)]
    tenure_months: Annotated[
        int, Numeric("Months as a customer", ge=0, le=1200, unit="months", example=5, columns=("tenure",))
    ]
    phone_service: Annotated[bool, Flag("Has a phone line", example=True)]
    multiple_lines: Annotated[
        Literal["No", "Yes", "No phone service"], Category("Has more than one phone line", example="No")
    ]
    internet_service: Annotated[
        Literal["DSL", "Fiber optic", "No"], Category("Kind of internet access", example="Fiber optic")
    ]
    online_security: Annotated[AddOn, Category("Has online security", example="No")]
    online_backup: Annotated[AddOn, Category("Has online backup", example="Yes")]
    device_protection: Annotated[AddOn, Category("Has device protection", example="No")]
    tech_support: Annotated[AddOn, Category("Has technical support", example="No")]
    streaming_tv: Annotated[AddOn, Category("Streams television", example="Yes")]
    streaming_movies: Annotated[AddOn, Category("Streams films", example="No")]
    contract: Annotated[
        Literal["Month-to-month", "One year", "Two year"], Category("Contract term", example="Month-to-month")
    ]
    paperless_billing: Annotated[bool, Flag("Receives bills without paper", example=True)]
    payment_method: Annotated[
        Literal["Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"],
        Category(
            "How bills are paid",
            example="Electronic check",
            spellings={
                "Bank transfer": "Bank transfer (automatic)",
                "Credit card": "Credit card (automatic)",
            },
        ),
    ]
    monthly_charges: Annotated[
        float, Numeric("Current monthly bill", ge=0, le=10_000, unit="currency", example=85.5)
    ]
    total_charges: Annotated[
        float, Numeric("Billed since the start", ge=0, le=1_000_000, unit="currency", example=430.25)
    ]
