"""A customer class made from a schema's data, for a bundle whose schema is not installed."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

from churn_core.schemas.base import Customer
from churn_core.schemas.fields import Category, Flag, Numeric, Role
from churn_core.schemas.spec import FieldSpec, SchemaSpec

__all__ = ["customer_class"]


def customer_class(spec: SchemaSpec) -> type[Customer]:
    """A `Customer` class that validates exactly as the class that `spec` came from."""
    return _build(spec.model_dump_json())


@lru_cache(maxsize=32)
def _build(text: str) -> type[Customer]:
    spec = SchemaSpec.model_validate_json(text)
    namespace: dict[str, Any] = {
        "__doc__": spec.description,
        "__module__": __name__,
        "__annotations__": {field.name: _annotation(field) for field in spec.fields},
    }
    name = "".join(part.capitalize() for part in spec.name.split("-")) + "Customer"
    arguments: dict[str, Any] = {
        "schema": spec.name,
        "version": spec.version,
        "label": spec.label,
        "slices": spec.slices,
        "rules": spec.rules,
        "id_columns": spec.id_columns,
    }
    return type(Customer)(name, (Customer,), namespace, **arguments)


def _annotation(field: FieldSpec) -> Any:
    common: dict[str, Any] = {"example": field.example, "columns": field.columns}
    role: Role
    if field.role == "numeric":
        low, high = field.bounds
        kind: Any = int if field.integer else float
        role = Numeric(field.description, ge=low, le=high, unit=field.unit, **common)
    elif field.role == "category":
        kind = Literal[field.values]
        role = Category(field.description, spellings=field.spellings, **common)
    else:
        kind, role = bool, Flag(field.description, **common)
    return Annotated[kind, role]
