"""A customer schema as plain data: what a bundle carries, whatever code is installed."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr

from churn_core.errors import SchemaError
from churn_core.schemas.rules import BlankMeans, Frozen, Implies, Scalar

__all__ = ["FieldSpec", "FileColumn", "LabelSpec", "Role", "Rule", "SchemaSpec", "SliceSpec"]

Role = Literal["numeric", "category", "flag"]
Rule = Annotated[Implies | BlankMeans, Field(discriminator="kind")]

# What people may reword without making a model incompatible.
_DOCUMENTATION = {"description", "unit", "example", "columns", "spellings"}


class FileColumn(Frozen):
    """Another name under which files carry a field, with that column's own values.

    `values` maps the file's text to canonical values, for columns that say the same thing
    in other words (`female` 1 and 0 for `gender`).
    """

    name: str
    values: dict[str, Scalar] = {}


class FieldSpec(Frozen):
    """One field of a customer.

    Attributes:
        name: Name on the wire, in prepared data and in reasons.
        role: `numeric` (between `ge` and `le`), `category` (one of `values`) or `flag`.
        integer: A numeric field that takes whole numbers only.
        columns: Other names of the column in files.
        spellings: Other spellings of a category's values in files.
    """

    name: str
    role: Role
    description: str
    example: Scalar
    unit: str = ""
    integer: bool = False
    ge: float | None = None
    le: float | None = None
    values: tuple[str, ...] = ()
    columns: tuple[FileColumn, ...] = ()
    spellings: dict[str, str] = {}

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest allowed number of a numeric field.

        Raises:
            SchemaError: The field is not numeric.
        """
        if self.ge is None or self.le is None:
            raise SchemaError(f"field {self.name!r} is not numeric: it has no bounds")
        return self.ge, self.le

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.role == "flag":
            return "true or false"
        if self.role == "category":
            return "one of " + ", ".join(repr(value) for value in self.values)
        kind = "a whole number" if self.integer else "a number"
        return "{} from {:g} to {:g}".format(kind, *self.bounds)


class LabelSpec(Frozen):
    """The column that says who churned, and which of its values mean yes and no.

    Attributes:
        name: Name in prepared data, and the first to look for in files.
        columns: Other names of the column in files.
    """

    name: str = "churn"
    columns: tuple[str, ...] = ()
    positive: tuple[StrictStr | StrictInt, ...] = ("Yes", "1", "true")
    negative: tuple[StrictStr | StrictInt, ...] = ("No", "0", "false")

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest allowed number of a numeric field.

        Raises:
            SchemaError: The field is not numeric.
        """
        if self.ge is None or self.le is None:
            raise SchemaError(f"field {self.name!r} is not numeric: it has no bounds")
        return self.ge, self.le

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        return "one of " + ", ".join(repr(str(value)) for value in (*self.positive, *self.negative))


class SliceSpec(Frozen):
    """A field by which quality is checked group by group; `edges` cut a numeric field."""

    field: str
    edges: tuple[float, ...] = ()


class SchemaSpec(Frozen):
    """Who a customer is."""

    name: str
    version: int
    description: str
    fields: tuple[FieldSpec, ...]
    label: LabelSpec
    slices: tuple[SliceSpec, ...] = ()
    rules: tuple[Rule, ...] = ()
    id_columns: tuple[str, ...] = ()

    def field(self, name: str) -> FieldSpec:
        """The field of that name.

        Raises:
            SchemaError: There is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise SchemaError(f"schema {self.name!r} has no field {name!r}") from None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Field names to their places in `fields`."""
        return {field.name: index for index, field in enumerate(self.fields)}

    @cached_property
    def _by_name(self) -> dict[str, FieldSpec]:
        return {field.name: field for field in self.fields}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides which customers are valid and what they mean."""
        content = self.model_dump(mode="json")
        content.pop("description")
        content.pop("id_columns")
        content["label"].pop("columns")
        for field in content["fields"]:
            for key in _DOCUMENTATION:
                field.pop(key)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def example(self) -> dict[str, Scalar]:
        """One valid customer, as it is sent on the wire."""
        return {"customer_id": "C-0001", **{field.name: field.example for field in self.fields}}
