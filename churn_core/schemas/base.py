"""The base class of all customer schemas.

A schema is a pydantic model whose fields carry roles:

```python
class AcmeCustomer(
    Customer,
    schema="acme",
    version=1,
    label=LabelSpec(name="left", positive=("yes",), negative=("no",)),
    slices=(SliceSpec(field="plan"),),
):
    "A customer of Acme Mobile."

    tenure_months: Annotated[int, Numeric("Months as a customer", ge=0, le=600, example=12)]
    plan: Annotated[Literal["Basic", "Plus"], Category("Tariff", example="Plus")]
    autopay: Annotated[bool, Flag("Pays by standing order", example=True)]
```
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from churn_core.errors import InvalidCustomer, SchemaError
from churn_core.schemas.fields import Role
from churn_core.schemas.problems import field_problems
from churn_core.schemas.rules import Implies, broken_rules
from churn_core.schemas.spec import FieldSpec, LabelSpec, Rule, SchemaSpec, SliceSpec

__all__ = ["Customer"]


class Customer(BaseModel):
    """One customer. Strict: values have the declared types, and unknown fields are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)
    spec: ClassVar[SchemaSpec]

    customer_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        schema: str = "",
        version: int = 1,
        label: LabelSpec | None = None,
        slices: tuple[SliceSpec, ...] = (),
        rules: tuple[Rule, ...] = (),
        id_columns: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not schema:
            raise SchemaError(f"{cls.__name__} needs a name: class {cls.__name__}(Customer, schema=...)")
        cls.spec = SchemaSpec(
            name=schema,
            version=version,
            description=inspect.cleandoc(cls.__doc__ or ""),
            fields=_field_specs(cls),
            label=label or LabelSpec(),
            slices=slices,
            rules=rules,
            id_columns=id_columns,
        )
        _check_references(cls.spec)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the class arguments; `__pydantic_init_subclass__` reads them once fields stand."""

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        if type(self).spec.rules:
            broken = broken_rules(type(self).spec.rules, self.__dict__)
            if broken:
                raise _rule_error(broken[0])
        return self

    @classmethod
    def parse(cls, data: Mapping[str, Any] | Customer) -> Self:
        """Validate a mapping of canonical values, or pass on a customer of this schema.

        Raises:
            InvalidCustomer: With one problem for each field that does not fit.
            SchemaError: `data` is a customer of another schema.
        """
        if isinstance(data, Customer):
            if type(data).spec.fingerprint != cls.spec.fingerprint:
                raise SchemaError(
                    f"expected a customer of schema {cls.spec.name!r}, got {type(data).spec.name!r}"
                )
            if isinstance(data, cls):
                return data
            data = data.model_dump()
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InvalidCustomer(field_problems(error, cls.spec)) from None


def _rule_error(rule: Implies) -> PydanticCustomError:
    context = {"field": rule.then.field, "allowed": str(rule)}
    return PydanticCustomError("rule", "{field} contradicts another field: {allowed}", context)


def _field_specs(cls: type[Customer]) -> tuple[FieldSpec, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_field_spec(name, hints[name]) for name in cls.model_fields if name != "customer_id")


def _field_spec(name: str, hint: Any) -> FieldSpec:
    roles = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Role)]
    if len(roles) != 1:
        raise SchemaError(f"field {name!r} needs exactly one role: Numeric, Category or Flag")
    return roles[0].spec(name, hint.__origin__)


def _check_references(spec: SchemaSpec) -> None:
    """Rules and slices speak only of fields that exist; the label is not a field."""
    if not spec.fields:
        raise SchemaError(f"schema {spec.name!r} has no fields")
    if spec.label.name in (*spec.names, "customer_id"):
        raise SchemaError(f"schema {spec.name!r}: the label {spec.label.name!r} must not be a field")
    for slice_ in spec.slices:
        spec.field(slice_.field)
    for rule in spec.rules:
        spec.field(rule.when.field)
        spec.field(rule.then.field if isinstance(rule, Implies) else rule.field)
