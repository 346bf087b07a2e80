"""The IBM Telco customer churn data: 7,043 customers of a Californian telecom."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from churn_core.schemas import telecom_words as say
from churn_core.schemas.base import Customer
from churn_core.schemas.expectations import Invariant, Monotone
from churn_core.schemas.fields import Category, Flag, Numeric
from churn_core.schemas.moves import Move
from churn_core.schemas.rules import BlankMeans, Condition, Implies
from churn_core.schemas.spec import FileColumn, LabelSpec, SliceSpec

__all__ = ["IbmTelcoCustomer"]

Contract = Literal["Month-to-month", "One year", "Two year"]
Payment = Literal["Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"]
AddOn = Literal["No", "Yes", "No internet service"]
_ADD_ONS = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
# What moves cost is a placeholder: `costs.moves` in params.yaml says what they cost a company.
_GIVEN = (Move(to="Yes", origins=("No",), cost=15),)
_LONGER = (
    Move(to="One year", origins=("Month-to-month",), cost=10),
    Move(to="Two year", origins=("Month-to-month", "One year"), cost=20),
)
_AUTOMATIC = tuple(
    Move(to=way, origins=("Electronic check", "Mailed check"), cost=5)
    for way in ("Bank transfer (automatic)", "Credit card (automatic)")
)
_BILLS = (Move(to=True, cost=1),)  # nobody is kept by a bill on paper, though the data look so
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
    expectations=(
        Monotone(field="contract", values=get_args(Contract), risk="falls"),
        Monotone(field="tenure_months", step=12, risk="falls"),
        Monotone(field="online_security", values=("No", "Yes"), risk="falls"),
        Monotone(field="tech_support", values=("No", "Yes"), risk="falls"),
        Monotone(
            field="payment_method", values=("Credit card (automatic)", "Electronic check"), risk="rises"
        ),
        Invariant(field="gender", values=("Female", "Male")),
    ),
):
    """A residential customer of a telecom that sells phone, internet and add-on services."""

    gender: Annotated[
        Literal["Female", "Male"],
        Category(
            "Gender on file",
            example="Female",
            columns=(FileColumn(name="female", values={"1": "Female", "0": "Male"}),),
            texts=say.GENDER,
            protected=True,
        ),
    ]
    senior_citizen: Annotated[bool, Flag("Is 65 or older", example=False, texts=say.SENIOR, protected=True)]
    partner: Annotated[bool, Flag("Lives with a partner", example=True, texts=say.PARTNER)]
    dependents: Annotated[bool, Flag("Lives with dependents", example=False, texts=say.DEPENDENTS)]
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
    phone_service: Annotated[bool, Flag("Has a phone line", example=True, texts=say.PHONE)]
    multiple_lines: Annotated[
        Literal["No", "Yes", "No phone service"],
        Category("Has more than one phone line", example="No", texts=say.LINES),
    ]
    internet_service: Annotated[
        Literal["DSL", "Fiber optic", "No"],
        Category("Kind of internet access", example="Fiber optic", texts=say.INTERNET),
    ]
    online_security: Annotated[
        AddOn,
        Category(
            "Has online security",
            example="No",
            texts=say.add_on("online security", "seguridad en línea"),
            moves=_GIVEN,
        ),
    ]
    online_backup: Annotated[
        AddOn,
        Category(
            "Has online backup",
            example="Yes",
            texts=say.add_on("online backup", "copia de seguridad en línea"),
            moves=_GIVEN,
        ),
    ]
    device_protection: Annotated[
        AddOn,
        Category(
            "Has device protection",
            example="No",
            texts=say.add_on("device protection", "protección de dispositivos"),
            moves=_GIVEN,
        ),
    ]
    tech_support: Annotated[
        AddOn,
        Category(
            "Has technical support",
            example="No",
            texts=say.add_on("technical support", "soporte técnico"),
            moves=_GIVEN,
        ),
    ]
    streaming_tv: Annotated[
        AddOn,
        Category(
            "Streams television",
            example="Yes",
            texts=say.add_on("television streaming", "televisión en streaming"),
            moves=_GIVEN,
        ),
    ]
    streaming_movies: Annotated[
        AddOn,
        Category(
            "Streams films",
            example="No",
            texts=say.add_on("film streaming", "cine en streaming"),
            moves=_GIVEN,
        ),
    ]
    contract: Annotated[
        Contract,
        Category(
            "Contract term",
            example="Month-to-month",
            texts=say.contract(*get_args(Contract)),
            moves=_LONGER,
        ),
    ]
    paperless_billing: Annotated[
        bool, Flag("Receives bills without paper", example=True, texts=say.PAPERLESS, moves=_BILLS)
    ]
    payment_method: Annotated[
        Payment,
        Category(
            "How bills are paid",
            example="Electronic check",
            spellings={
                "Bank transfer": "Bank transfer (automatic)",
                "Credit card": "Credit card (automatic)",
            },
            texts=say.payment(*get_args(Payment)),
            moves=_AUTOMATIC,
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
