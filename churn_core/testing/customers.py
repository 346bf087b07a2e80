"""Hypothesis strategies for the customers of any schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from churn_core.schemas import Customer, FieldProblem, FieldSpec, Implies, SchemaSpec, customer_class
from churn_core.schemas.problems import allowed_values
from churn_core.schemas.rules import broken_rules
from churn_core.testing.solver import OTHER, Choices, mentioned_values

__all__ = ["Faulty", "customer_dicts", "customers", "field_values", "invalid_customers"]

Schema = type[Customer] | SchemaSpec
_TEXT = st.characters(exclude_categories=["Cs"])
_NAMES = st.characters(exclude_categories=["Cs", "Cc"])


class Faulty(NamedTuple):
    """A customer that must be refused.

    Attributes:
        data: What would be sent.
        problems: Exactly what must be said about it.
    """

    data: dict[str, Any]
    problems: tuple[FieldProblem, ...]


def customers(schema: Schema) -> st.SearchStrategy[Customer]:
    """Valid customers: instances of the given class, or of one made from the given data."""
    cls = customer_class(schema) if isinstance(schema, SchemaSpec) else schema
    return customer_dicts(schema).map(cls.parse)


def customer_dicts(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Valid customers as they are sent on the wire; ends of ranges and rules' values are frequent."""
    return _customer_dicts(_spec(schema), {})


def field_values(field: FieldSpec, *, without: frozenset[Any] = frozenset()) -> st.SearchStrategy[Any]:
    """Allowed values of one field, but not those of `without`."""
    if field.role == "flag":
        return st.sampled_from([flag for flag in (False, True) if flag not in without])
    if field.role == "category":
        return st.sampled_from([value for value in field.values if value not in without])
    low, high = field.bounds
    ends = [end for end in (low, high) if end not in without]
    inner: st.SearchStrategy[Any] = st.floats(low, high)
    if field.integer:
        ends, inner = [int(end) for end in ends], st.integers(int(low), int(high))
    inner = inner.filter(lambda value: value not in without)
    return (st.sampled_from(ends) | inner) if ends else inner


def invalid_customers(schema: Schema) -> st.SearchStrategy[Faulty]:
    """Customers with one fault each, and what must be said about it."""
    spec = _spec(schema)
    return st.one_of([fault(spec) for fault in _FAULTS] + [_contradiction(spec)] * bool(_breakable(spec)))


def _spec(schema: Schema) -> SchemaSpec:
    return schema if isinstance(schema, SchemaSpec) else schema.spec


@st.composite
def _customer_dicts(draw: st.DrawFn, spec: SchemaSpec, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """A customer whose rule-bound fields `fixed` already says in part."""
    choices = Choices(spec, fixed)
    for name in choices.names:
        choices.choose(name, draw(st.sampled_from(choices.possible(name))))
    customer: dict[str, Any] = {"customer_id": draw(st.text(_NAMES, min_size=1, max_size=128))}
    for field in spec.fields:
        chosen = choices.chosen.get(field.name, OTHER)
        if chosen is OTHER:
            chosen = draw(field_values(field, without=mentioned_values(spec, field.name)))
        customer[field.name] = chosen
    return customer


@st.composite
def _missing(draw: st.DrawFn, spec: SchemaSpec) -> Faulty:
    data = draw(customer_dicts(spec))
    name = draw(st.sampled_from(list(data)))
    del data[name]
    return Faulty(data, (FieldProblem(name, "is missing", allowed_values(spec, name)),))


@st.composite
def _unknown(draw: st.DrawFn, spec: SchemaSpec) -> Faulty:
    data = draw(customer_dicts(spec))
    name = draw(st.text(_TEXT, max_size=200).filter(lambda name: name not in data))
    data[name] = draw(_JSON)
    allowed = "fields: " + ", ".join(spec.names)
    return Faulty(data, (FieldProblem(name[:64], "is not a field of this schema", allowed),))


@st.composite
def _wrong_type(draw: st.DrawFn, spec: SchemaSpec) -> Faulty:
    data = draw(customer_dicts(spec))
    name = draw(st.sampled_from(list(data)))
    role = "text" if name == "customer_id" else spec.field(name).role
    kind = draw(st.sampled_from([kind for kind in _VALUES if kind not in _ACCEPTED[role]]))
    data[name] = draw(_VALUES[kind])
    return Faulty(data, (FieldProblem(name, f"has the wrong type: {kind}", allowed_values(spec, name)),))


@st.composite
def _outside(draw: st.DrawFn, spec: SchemaSpec) -> Faulty:
    """A value of the right type that is not allowed."""
    data = draw(customer_dicts(spec))
    name = draw(st.sampled_from([field.name for field in spec.fields if field.role != "flag"]))
    field = spec.field(name)
    if field.role == "category":
        data[name], what = (
            draw(st.text(_TEXT).filter(lambda v: v not in field.values)),
            "is not in the vocabulary",
        )
    else:
        data[name], what = draw(_outside_numbers(field))
    return Faulty(data, (FieldProblem(name, what, field.allowed),))


def _outside_numbers(field: FieldSpec) -> st.SearchStrategy[tuple[Any, str]]:
    low, high = field.bounds
    beyond = st.integers(max_value=int(low) - 1) | st.integers(min_value=int(high) + 1)
    if field.integer:
        fractions = st.floats(low, high).filter(lambda value: not value.is_integer())
        return st.tuples(beyond, st.just("is out of range")) | st.tuples(
            fractions, st.just("is not a whole number")
        )
    below = st.floats(max_value=low, exclude_max=True, allow_infinity=False)
    above = st.floats(min_value=high, exclude_min=True, allow_infinity=False)
    unreal = st.sampled_from([float("nan"), float("inf"), float("-inf")])
    return st.tuples(below | above | beyond, st.just("is out of range")) | st.tuples(
        unreal, st.just("is not a finite number")
    )


def _breakable(spec: SchemaSpec) -> list[Implies]:
    """Rules that some customer could break: those whose conclusion excludes something."""
    rules = [rule for rule in spec.rules if isinstance(rule, Implies)]
    return [rule for rule in rules if spec.field(rule.then.field).role == "numeric" or _excluded(spec, rule)]


def _excluded(spec: SchemaSpec, rule: Implies) -> frozenset[Any]:
    field = spec.field(rule.then.field)
    every = frozenset[Any](field.values if field.role == "category" else (False, True))
    return every - frozenset(rule.then.values)


@st.composite
def _contradiction(draw: st.DrawFn, spec: SchemaSpec) -> Faulty:
    rule = draw(st.sampled_from(_breakable(spec)))
    possible = Choices(spec, {}).possible(rule.when.field)
    premise = draw(st.sampled_from([value for value in rule.when.values if value in possible]))
    data = draw(_customer_dicts(spec, {rule.when.field: premise}))
    data[rule.then.field] = draw(
        field_values(spec.field(rule.then.field), without=frozenset(rule.then.values))
    )
    broken = broken_rules(spec.rules, data)
    said = (FieldProblem(each.then.field, "contradicts another field", str(each)) for each in broken)
    return Faulty(data, tuple(said))


_FAULTS: tuple[Callable[[SchemaSpec], st.SearchStrategy[Faulty]], ...] = (
    _missing,
    _unknown,
    _wrong_type,
    _outside,
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "a boolean": st.booleans(),
    "a whole number": st.integers(),
    "a number": st.floats(allow_nan=False, allow_infinity=False),
    "a text": st.text(_TEXT),
    "null": st.none(),
    "a list": st.lists(st.integers(), max_size=3),
    "an object": st.dictionaries(st.text(_TEXT, max_size=5), st.integers(), max_size=3),
}
_JSON = st.one_of(*_VALUES.values())
_ACCEPTED: dict[str, tuple[str, ...]] = {
    "text": ("a text",),
    "category": ("a text",),
    "flag": ("a boolean",),
    # Numbers of the wrong kind or size have messages of their own.
    "numeric": ("a whole number", "a number"),
}
