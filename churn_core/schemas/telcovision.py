"""The TelcoVision data: 10,000 customers of a telecom with phone and internet."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from churn_core.schemas import telecom_words as say
from churn_core.schemas.base import Customer
from churn_core.schemas.expectations import Invariant, Monotone
from churn_core.schemas.fields import Category, Flag, Numeric
from churn_core.schemas.moves import Move
from churn_core.schemas.rules import BlankMeans, Condition, Implies
from churn_core.schemas.spec import LabelSpec, SliceSpec

__all__ = ["TelcoVisionCustomer"]


Contract = Literal["Month-to-Month", "One year", "Two year"]
Payment = Literal["Bank transfer", "Credit card", "Electronic check", "Mailed check"]
# What moves cost is a placeholder: `costs.moves` in params.yaml says what they cost a company.
_LONGER = (
    Move(to="One year", origins=("Month-to-Month",), cost=10),
    Move(to="Two year", origins=("Month-to-Month", "One year"), cost=20),
)
_AUTOMATIC = tuple(
    Move(to=way, origins=("Electronic check", "Mailed check"), cost=5)
    for way in ("Bank transfer", "Credit card")
)


class TelcoVisionCustomer(
    Customer,
    schema="telcovision",
    version=1,
    label=LabelSpec(name="churn", positive=("1", "Yes"), negative=("0", "No")),
    slices=(
        SliceSpec(field="gender"),
        SliceSpec(field="region"),
        SliceSpec(field="contract_type"),
        SliceSpec(field="age", edges=(30, 60)),
        SliceSpec(field="tenure_months", edges=(12, 36)),
    ),
    rules=(
        BlankMeans(field="total_charges", value=0.0, when=Condition(field="tenure_months", values=(0,))),
        Implies(
            when=Condition(field="phone_service", values=(False,)),
            then=Condition(field="multiple_lines", values=("No phone service",)),
            both_ways=True,
        ),
    ),
    id_columns=("customerID",),
    expectations=(
        Monotone(field="contract_type", values=get_args(Contract), risk="falls"),
        Monotone(field="tenure_months", step=12, risk="falls"),
        Monotone(field="internet_service", values=("DSL", "Fiber optic"), risk="rises"),
        Monotone(field="payment_method", values=("Credit card", "Electronic check"), risk="rises"),
        Invariant(field="gender", values=("Female", "Male")),
    ),
):
    """A customer of TelcoVision, a telecom that sells phone and internet in four regions."""

    age: Annotated[
        int, Numeric("Age", ge=16, le=120, unit="years", example=42, texts=say.AGE, protected=True)
    ]
    gender: Annotated[
        Literal["Female", "Male"],
        Category("Gender on file", example="Female", texts=say.GENDER, protected=True),
    ]
    region: Annotated[
        Literal["East", "North", "South", "West"],
        Category("Sales region", example="North", texts=say.REGION),
    ]
    contract_type: Annotated[
        Contract,
        Category(
            "Contract term",
            example="Month-to-Month",
            columns=("contract",),
            texts=say.contract(*get_args(Contract)),
            moves=_LONGER,
        ),
    ]
    tenure_months: Annotated[
        int,
        Numeric(
            "Months as a customer",
            ge=0,
            le=1200,
            unit="months",
            example=5,
            columns=("tenure",),
            texts=say.TENURE,
        ),
    ]
    monthly_charges: Annotated[
        float,
        Numeric("Current monthly bill", ge=0, le=10_000, unit="currency", example=85.5, texts=say.MONTHLY),
    ]
    total_charges: Annotated[
        float,
        Numeric(
            "Billed since the start", ge=0, le=1_000_000, unit="currency", example=430.25, texts=say.TOTAL
        ),
    ]
    internet_service: Annotated[
        Literal["DSL", "Fiber optic", "No"],
        Category("Kind of internet access", example="Fiber optic", texts=say.INTERNET),
    ]
    phone_service: Annotated[bool, Flag("Has a phone line", example=True, texts=say.PHONE)]
    multiple_lines: Annotated[
        Literal["No", "Yes", "No phone service"],
        Category("Has more than one phone line", example="No", texts=say.LINES),
    ]
    payment_method: Annotated[
        Payment,
        Category(
            "How bills are paid",
            example="Electronic check",
            spellings={
                "Bank transfer (automatic)": "Bank transfer",
                "Credit card (automatic)": "Credit card",
            },
            texts=say.payment(*get_args(Payment)),
            moves=_AUTOMATIC,
        ),
    ]
