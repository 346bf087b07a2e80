"""A schema with every oddity that the built-in ones lack."""

from __future__ import annotations

from typing import Annotated, Literal

from churn_core.schemas import (
    BlankMeans,
    Category,
    Condition,
    Customer,
    FileColumn,
    Flag,
    Implies,
    LabelSpec,
    Numeric,
    SliceSpec,
)

__all__ = ["PhoneCustomer", "RailCustomer"]


class RailCustomer(
    Customer,
    schema="rail-card",
    version=3,
    label=LabelSpec(name="kept", columns=("Renewed?",), positive=("No",), negative=("Yes",)),
    slices=(SliceSpec(field="klass"), SliceSpec(field="trips", edges=(0, 10))),
    rules=(
        # A chain: one choice reaches over three fields.
        Implies(when=Condition(field="klass", values=("1",)), then=Condition(field="lounge", values=(True,))),
        Implies(
            when=Condition(field="lounge", values=(True,)),
            then=Condition(field="tariff", values=("<26", "26+")),
        ),
        Implies(
            when=Condition(field="trips", values=(0,)),
            then=Condition(field="spent", values=(0.0,)),
            both_ways=True,
        ),
        BlankMeans(field="tariff", value="none", when=Condition(field="klass", values=("10", "2"))),
        BlankMeans(field="spent", value=0.0, when=Condition(field="trips", values=(0,))),
    ),
    id_columns=("Card No.",),
):
    """A holder of a rail card;
    it's the "holder" who travels."""

    klass: Annotated[Literal["1", "2", "10"], Category("Class of travel", example="2", columns=("Class",))]
    tariff: Annotated[
        Literal["<26", ">26", "26+", "none"],
        Category("Tariff by age", example="none", spellings={"-": "none"}),
    ]
    lounge: Annotated[
        bool,
        Flag(
            "May use lounges",
            example=False,
            columns=(FileColumn(name="No lounge", values={"yes": False, "no": True}),),
        ),
    ]
    trips: Annotated[
        int,
        Numeric(
            "Trips in a year",
            ge=-1,
            le=5_000_000_000,
            example=12,
            columns=(FileColumn(name="Trips (text)", values={"never": 0}),),
        ),
    ]
    spent: Annotated[float, Numeric("Spent in a year", ge=-0.5, le=1e6, unit="it's EUR", example=99.5)]
    order: Annotated[Literal["Customer's own", "agent"], Category("Who orders", example="agent")]


class PhoneCustomer(Customer, schema="phone-usage"):
    """A customer whose bill comes in parts."""

    months: Annotated[int, Numeric("Months as a customer", ge=0, le=600, unit="months", example=20)]
    day_minutes: Annotated[float, Numeric("Minutes by day", ge=0, le=9000, unit="minutes", example=180.5)]
    day_charge: Annotated[float, Numeric("Charged by day", ge=0, le=5000, unit="currency", example=30.7)]
    night_minutes: Annotated[float, Numeric("Minutes by night", ge=0, le=9000, unit="minutes", example=90.25)]
    night_charge: Annotated[float, Numeric("Charged by night", ge=0, le=5000, unit="currency", example=4.1)]
    roaming_charge: Annotated[float, Numeric("Charged abroad", ge=0, le=5000, unit="currency", example=0.2)]
    balance: Annotated[float, Numeric("On the account", ge=-5000, le=5000, unit="credit", example=-3.5)]
    credit_limit: Annotated[float, Numeric("Limit", ge=0, le=5000, unit="credit", example=50.0)]
    credit_bonus: Annotated[float, Numeric("Bonus", ge=0, le=5000, unit="credit", example=5.0)]
    autopay: Annotated[bool, Flag("Pays by standing order", example=True)]
