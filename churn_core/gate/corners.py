"""Customers at the ends of what a schema allows: where a model is most likely to stumble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from churn_core.schemas import Implies, SchemaSpec
from churn_core.schemas.rules import Condition, Scalar, broken_rules
from churn_core.schemas.spec import FieldSpec

__all__ = ["corners"]


def corners(spec: SchemaSpec) -> Iterator[dict[str, Any]]:
    """Valid customers, as they are sent: the example, and the example with each extreme value.

    These are every category and flag and both ends of every range; then all numbers at their
    lower ends, and all at their upper. Where a value asks for others by a rule, they follow it; one
    that no valid customer can have then is left out.
    """
    example = spec.example()
    yield example
    for field in spec.fields:
        for value in _extremes(field):
            if customer := _mended(spec, {**example, field.name: value}, field.name):
                yield customer
    numbers = [field for field in spec.fields if field.role == "numeric"]
    for end in (0, -1):
        customer = {**example, **{field.name: _extremes(field)[end] for field in numbers}}
        if not broken_rules(spec.rules, customer):
            yield customer


def _extremes(field: FieldSpec) -> tuple[Scalar, ...]:
    if field.role == "numeric":
        return tuple(int(end) if field.integer else float(end) for end in field.bounds)
    return field.values or (False, True)


def _mended(spec: SchemaSpec, customer: dict[str, Any], kept: str) -> dict[str, Any] | None:
    """The customer with other fields changed as rules ask; `None` where that leads nowhere."""
    for _ in spec.fields:
        broken = broken_rules(spec.rules, customer)
        if not broken:
            return customer
        for rule in broken:
            customer = _obeying(spec, rule, customer, kept)
    return customer if not broken_rules(spec.rules, customer) else None


def _obeying(spec: SchemaSpec, rule: Implies, customer: dict[str, Any], kept: str) -> dict[str, Any]:
    if rule.when.holds(customer) and rule.then.field != kept:
        return {**customer, rule.then.field: rule.then.values[0]}
    changed, other = (rule.when, rule.then) if rule.then.field == kept else (rule.then, rule.when)
    if rule.both_ways and other.holds(customer):
        return {**customer, changed.field: changed.values[0]}
    free = _other_value(spec, changed)
    return customer if free is None else {**customer, changed.field: free}


def _other_value(spec: SchemaSpec, condition: Condition) -> Scalar | None:
    """A value for which the condition does not hold."""
    field = spec.field(condition.field)
    tried = (field.example, *_extremes(field))
    return next((value for value in tried if value not in condition.values), None)
