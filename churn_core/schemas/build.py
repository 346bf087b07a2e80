"""A customer class made from a schema's data, for a bundle whose schema is not installed."""

from __future__ import annotations

from functools import lru_cache
from types import new_class
from typing import Annotated, Any, Literal, cast

from churn_core.schemas.base import Customer
from churn_core.schemas.checks import check_spec
from churn_core.schemas.fields import Category, Flag, Numeric, Role
from churn_core.schemas.spec import FieldSpec, SchemaSpec

__all__ = ["customer_class"]


def customer_class(spec: SchemaSpec) -> type[Customer]:
    """A `Customer` class that validates exactly as the class that `spec` came from.

    Raises:
        SchemaError: The schema contradicts itself.
    """
    return _build(spec.model_dump_json())


@lru_cache(maxsize=32)
def _build(text: str) -> type[Customer]:
    spec = SchemaSpec.model_validate_json(text)
    check_spec(spec, taken=dir(Customer))
    namespace: dict[str, Any] = {
        "__doc__": spec.description,
        "__module__": __name__,
        "__annotations__": {field.name: _annotation(field) for field in spec.fields},
        "__reduce__": _reduce,
    }
    arguments: dict[str, Any] = {
        "schema": spec.name,
        "version": spec.version,
        "label": spec.label,
        "slices": spec.slices,
        "rules": spec.rules,
        "id_columns": spec.id_columns,
        "expectations": spec.expectations,
    }
    name = "".join(part.capitalize() for part in spec.name.split("-")) + "Customer"
    built = new_class(name, (Customer,), arguments, lambda body: body.update(namespace))
    return cast("type[Customer]", built)


def _reduce(customer: Customer) -> tuple[object, ...]:
    return _revive, (customer.spec.model_dump_json(), customer.model_dump())


def _revive(text: str, values: dict[str, Any]) -> Customer:
    """Unpickle a customer whose class no module holds."""
    return _build(text).model_validate(values)


def _annotation(field: FieldSpec) -> Any:
    common: dict[str, Any] = {
        "example": field.example,
        "columns": field.columns,
        "texts": field.texts,
        "moves": field.moves,
        "protected": field.protected,
    }
    role: Role
    if field.role == "numeric":
        kind: Any = int if field.integer else float
        low, high = map(kind, field.bounds)
        role = Numeric(field.description, ge=low, le=high, unit=field.unit, **common)
    elif field.role == "category":
        kind = Literal[field.values]
        role = Category(field.description, spellings=field.spellings, **common)
    else:
        kind, role = bool, Flag(field.description, **common)
    return Annotated[kind, role]
