"""Who a customer of Acme Mobile is."""

from __future__ import annotations

from typing import Annotated, Literal

from churn_core.schemas import BlankMeans, Category, Condition, Customer, Flag, LabelSpec, Numeric, SliceSpec


class AcmeCustomer(
    Customer,
    schema="acme-mobile",
    version=1,
    label=LabelSpec(name="outcome", positive=("left",), negative=("stayed",)),
    slices=(SliceSpec(field="plan"), SliceSpec(field="tenure_months", edges=(12, 36))),
    rules=(BlankMeans(field="data_gb", value=0.0, when=Condition(field="plan", values=("Voice",))),),
    id_columns=("subscriber",),
):
    """A subscriber of Acme Mobile."""

    tenure_months: Annotated[int, Numeric("Months as a customer", ge=0, le=600, example=14, unit="months")]
    plan: Annotated[
        Literal["Voice", "Basic", "Plus"], Category("Tariff", example="Plus", spellings={"Plus+": "Plus"})
    ]
    monthly_fee: Annotated[float, Numeric("Monthly fee", ge=0, le=500, example=24.9, unit="EUR")]
    data_gb: Annotated[float, Numeric("Data used a month", ge=0, le=5000, example=8.5, unit="GB")]
    support_calls: Annotated[int, Numeric("Calls to support this year", ge=0, le=365, example=1)]
    autopay: Annotated[bool, Flag("Pays by standing order", example=True)]
