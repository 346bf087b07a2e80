"""What could keep a customer, found by trying everything the slow way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

from churn_core.bundle import Scorer
from churn_core.errors import InvalidCustomer
from churn_core.schemas import Category, Condition, Customer, Flag, Implies, Move, Numeric

__all__ = ["HomeCustomer", "Tried", "cheapest", "everything"]


class HomeCustomer(
    Customer,
    schema="home-net",
    rules=(
        # Premium needs support, and support needs a line: some moves are only good together.
        Implies(
            when=Condition(field="plan", values=("Premium",)),
            then=Condition(field="support", values=("Yes",)),
        ),
        Implies(
            when=Condition(field="line", values=(False,)),
            then=Condition(field="support", values=("No line",)),
            both_ways=True,
        ),
    ),
):
    """A customer whose moves depend on each other."""

    months: Annotated[int, Numeric("Months as a customer", ge=0, le=60, example=7)]
    fee: Annotated[float, Numeric("Monthly fee", ge=0, le=100, unit="currency", example=20.0)]
    plan: Annotated[
        Literal["Basic", "Plus", "Premium"],
        Category(
            "Tariff",
            example="Basic",
            moves=(
                Move(to="Plus", origins=("Basic",), cost=0.1),
                Move(to="Premium", origins=("Basic",), cost=0.4),
                Move(to="Premium", origins=("Plus",), cost=0.2),
            ),
        ),
    ]
    line: Annotated[bool, Flag("Has a line", example=True, moves=(Move(to=True, cost=0.3),))]
    support: Annotated[
        Literal["No", "Yes", "No line"],
        Category("Has support", example="No", moves=(Move(to="Yes", cost=0.2),)),
    ]
    autopay: Annotated[bool, Flag("Pays by standing order", example=False, moves=(Move(to=True, cost=0.1),))]
    region: Annotated[Literal["East", "West"], Category("Region", example="East")]


class Tried(NamedTuple):
    """One way to change a customer; the smallest is the best among those below the threshold."""

    cost: float
    probability: float
    changes: tuple[tuple[str, Any, Any], ...]
    customer: Mapping[str, Any]


def everything(scorer: Scorer, customer: Mapping[str, Any], most: int = 3) -> list[Tried]:
    """Every valid customer that up to `most` moves lead to; of each number of moves in schema order."""
    spec = scorer.bundle.schema_spec
    prices = scorer.bundle.decision.costs.moves
    options: list[list[tuple[Any, float]]] = []
    for field in spec.fields:
        now = customer[field.name]
        moves = [move for move in field.moves if now in (move.origins or {now}) and now != move.to]
        own = prices.get(field.name, {})
        priced = [(move.to, own.get(str(move.to), move.cost)) for move in moves]
        options.append([(now, 0.0), *((to, cost) for to, cost in priced if cost is not None)])
    tried: list[Tried] = []
    for choice in product(*options):
        new = {"customer_id": "x", **{name: one[0] for name, one in zip(spec.names, choice, strict=True)}}
        changes = tuple((n, customer[n], new[n]) for n in spec.names if new[n] != customer[n])
        if not 0 < len(changes) <= most:
            continue
        try:
            scorer.customer_class.parse(new)
        except InvalidCustomer:
            continue
        tried.append(Tried(sum(one[1] for one in choice), 0.0, changes, new))
    answers = scorer.predict_many([one.customer for one in tried])
    return [
        one._replace(probability=answer.churn_probability) for one, answer in zip(tried, answers, strict=True)
    ]


def cheapest(scorer: Scorer, customer: Mapping[str, Any]) -> Tried | None:
    """The best way below the customer's own threshold."""
    threshold = scorer.predict(customer, explain=False).threshold
    below = [one for one in everything(scorer, customer) if one.probability < threshold]
    if not below:
        return None
    return min(below, key=lambda one: (round(one.cost, 6), one.probability, len(one.changes)))
