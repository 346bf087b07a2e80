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
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, ForwardRef, Self, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, from_json

from churn_core.errors import InvalidCustomer, SchemaError
from churn_core.schemas.checks import check_spec
from churn_core.schemas.expectations import Expectation
from churn_core.schemas.fields import Role
from churn_core.schemas.problems import FieldProblem, field_problems
from churn_core.schemas.rules import Implies, broken_rules, rule_checker
from churn_core.schemas.spec import CUSTOMER_ID_PATTERN, FieldSpec, LabelSpec, Rule, SchemaSpec, SliceSpec

__all__ = ["Customer"]

_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Customer(BaseModel):
    """One customer. Strict: values have the declared types, and unknown fields are refused."""

    model_config = _STRICT
    spec: ClassVar[SchemaSpec]
    _keeps_rules: ClassVar[Callable[[Mapping[str, Any]], bool]]

    customer_id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=128, pattern=CUSTOMER_ID_PATTERN),
        Field(description="Names the customer; never a feature", examples=["C-0001"]),
    ]

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
        expectations: tuple[Expectation, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not schema:
            raise SchemaError(f"{cls.__name__} needs a name: class {cls.__name__}(Customer, schema=...)")
        _refuse_code(cls)
        cls.spec = SchemaSpec(
            name=schema,
            version=version,
            description=inspect.cleandoc(cls.__doc__ or ""),
            fields=_field_specs(cls),
            label=label or LabelSpec(),
            slices=slices,
            rules=rules,
            id_columns=id_columns,
            expectations=expectations,
        )
        check_spec(cls.spec, taken=dir(Customer))
        cls._keeps_rules = rule_checker(rules)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the class arguments; `__pydantic_init_subclass__` reads them once fields stand."""

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        if not type(self)._keeps_rules(self.__dict__):
            raise _contradiction(broken_rules(type(self).spec.rules, self.__dict__))
        return self

    @classmethod
    def parse(cls, data: Mapping[str, Any] | Customer) -> Self:
        """Validate a mapping of canonical values, or pass on a customer of this schema.

        JSON knows one kind of number, and many programs write `5.0`: that is the whole number 5.

        Raises:
            InvalidCustomer: With one problem for each field that does not fit.
            SchemaError: `data` is a customer of another schema.
        """
        if isinstance(data, Customer):
            if type(data).spec.fingerprint != cls.spec.fingerprint:
                found = type(data).spec.name
                raise SchemaError(f"expected a customer of schema {cls.spec.name!r}, got {found!r}")
            if isinstance(data, cls):
                return data
            data = data.model_dump()
        try:
            return cls.model_validate(_as_dict(data))
        except ValidationError as error:
            return cls._with_whole_numbers(_as_dict(data), error)

    @classmethod
    def parse_json(cls, text: bytes | str) -> Self:
        """Validate one JSON object, as it comes over the wire.

        Raises:
            InvalidCustomer: It is not valid JSON, names a field twice, or does not fit.
        """
        try:
            customer = cls.model_validate_json(text)
        except ValidationError as error:
            customer = cls._with_whole_numbers(_from_json(text), error)
        # All fields are there. With one colon for each, none can be there twice.
        colons = text.count(b":") if isinstance(text, bytes) else text.count(":")
        if colons > len(cls.model_fields):
            json.loads(text, object_pairs_hook=_refuse_repeated)
        return customer

    @classmethod
    def _with_whole_numbers(cls, data: object, error: ValidationError) -> Self:
        """Validate again what was refused, with `5` for `5.0` in fields of whole numbers."""
        if isinstance(data, dict):
            fields = cast("dict[str, object]", data)
            whole = {
                field.name: int(value)
                for field in cls.spec.fields
                if field.integer and isinstance(value := fields.get(field.name), float) and value.is_integer()
            }
            try:
                if whole:
                    return cls.model_validate({**fields, **whole})
            except ValidationError as still:
                error = still
        raise InvalidCustomer(field_problems(error, cls.spec)) from None


def _from_json(text: bytes | str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None


def _as_dict(data: object) -> object:
    """Pydantic takes no mappings but dicts when it is strict."""
    return dict(cast("Mapping[str, Any]", data)) if isinstance(data, Mapping) else data


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidCustomer([FieldProblem(name, "is given twice", "") for name in repeated])


def _contradiction(broken: list[Implies]) -> PydanticCustomError:
    problems = [(rule.then.field, str(rule)) for rule in broken]
    message = "; ".join(f"{field} contradicts another field: {rule}" for field, rule in problems)
    # Braces in the template would be taken for placeholders, hence the message as context.
    return PydanticCustomError("rules", "{message}", {"message": message, "broken": problems})


def _refuse_code(cls: type[Customer]) -> None:
    """Whatever validates must be data, or a bundle would validate otherwise than the class."""
    hooks = cls.__pydantic_decorators__
    methods = {*hooks.field_validators, *hooks.validators, *hooks.root_validators, *hooks.model_validators}
    methods |= {*hooks.field_serializers, *hooks.model_serializers, *hooks.computed_fields}
    methods -= {"_rules_hold"}
    if methods:
        names = ", ".join(sorted(methods))
        raise SchemaError(f"{cls.__name__}: {names} cannot travel in a bundle: say it with roles and rules")
    changed = [key for key, value in _STRICT.items() if cls.model_config.get(key) != value]
    if changed:
        raise SchemaError(f"{cls.__name__} must not change model_config: {', '.join(changed)}")


def _field_specs(cls: type[Customer]) -> tuple[FieldSpec, ...]:
    for name in inspect.get_annotations(cls):
        if name in Customer.__class_vars__:  # pydantic would leave it out without a word
            raise SchemaError(f"{cls.__name__}: the field name {name!r} is reserved")
    return tuple(_field_spec(name, info) for name, info in cls.model_fields.items() if name != "customer_id")


def _field_spec(name: str, info: FieldInfo) -> FieldSpec:
    if isinstance(info.annotation, ForwardRef):
        unknown = info.annotation.__forward_arg__
        raise SchemaError(f"field {name!r}: not all names of its type can be found: {unknown}")
    roles = [extra for extra in cast("list[object]", info.metadata) if isinstance(extra, Role)]
    if len(roles) != 1:
        raise SchemaError(f"field {name!r} needs exactly one role: Numeric, Category or Flag")
    if not info.is_required():
        raise SchemaError(f"field {name!r} has a default: a customer is always complete")
    if len(info.metadata) > 1 or info.alias or info.validation_alias:
        raise SchemaError(f"field {name!r} must be constrained and named by its role alone")
    return roles[0].spec(name, info.annotation)
