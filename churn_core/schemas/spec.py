"""A customer schema as plain data: what a bundle carries, whatever code is installed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, StrictInt, StrictStr

from churn_core.errors import SchemaError
from churn_core.schemas.expectations import Expectation
from churn_core.schemas.moves import Move
from churn_core.schemas.rules import BlankMeans, Frozen, Implies, Scalar, added

__all__ = [
    "CUSTOMER_ID_PATTERN",
    "FieldSpec",
    "FileColumn",
    "LabelSpec",
    "LanguageName",
    "RoleName",
    "Rule",
    "SchemaSpec",
    "SliceSpec",
    "Wording",
]

# Control characters have no place in a name, and break logs, CSV files and databases.
CUSTOMER_ID_PATTERN = r"^[^\x00-\x1f\x7f]*$"

RoleName = Literal["numeric", "category", "flag"]
LanguageName = Literal["en", "es"]
Rule = Annotated[Implies | BlankMeans, Field(discriminator="kind")]

# What people may reword, and how files may spell it, without making a model incompatible.
_DOCUMENTATION = {"description", "unit", "example", "columns", "spellings", "texts", "moves", "protected"}
_NO_MEANING = {"description", "id_columns", "slices", "expectations"}


class FileColumn(Frozen):
    """Another name under which files carry a field, with that column's own values.

    `values` maps the file's text to canonical values, for columns that say the same thing
    in other words (`female` 1 and 0 for `gender`).
    """

    name: str
    values: dict[str, Scalar] = {}


class Wording(Frozen):
    """How sentences of one language speak of a field.

    Attributes:
        description: What the field means, in that language.
        subjects: What a sentence can begin with, `A monthly contract`, by value: a category's
            value, `true` or `false`, a number; the empty key stands for all other numbers, and
            `{}` in its text for the number.
        moves: What making a move means, `moving from {} to a two-year contract`, by the value moved
            to; `{}` stands for the subject of the value moved from.
    """

    description: str = ""
    subjects: dict[str, str] = {}
    moves: dict[str, str] = added({})


class FieldSpec(Frozen):
    """One field of a customer.

    Attributes:
        name: Name on the wire, in prepared data and in reasons.
        role: `numeric` (between `ge` and `le`), `category` (one of `values`) or `flag`.
        integer: A numeric field that takes whole numbers only.
        columns: Other names of the column in files.
        spellings: Other spellings of a category's values in files.
        texts: How sentences speak of it, by language.
        moves: Changes that the company can offer.
        protected: Whether people must not be treated differently because of it: groups of it are
            compared for fairness.
    """

    name: str
    role: RoleName
    description: str
    example: Scalar
    unit: str = ""
    integer: bool = False
    ge: float | None = None
    le: float | None = None
    values: tuple[str, ...] = ()
    columns: tuple[FileColumn, ...] = ()
    spellings: dict[str, str] = {}
    texts: dict[LanguageName, Wording] = added({})
    moves: tuple[Move, ...] = added(())
    protected: bool = added(False)

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
        low, high = map(_plain, self.bounds)
        return f"{'a whole number' if self.integer else 'a number'} from {low} to {high}"

    def allows(self, value: object) -> bool:
        """Whether `value` is a canonical value of this field."""
        if self.role == "flag":
            return isinstance(value, bool)
        if self.role == "category":
            return isinstance(value, str) and value in self.values
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        low, high = self.bounds
        return low <= value <= high


class LabelSpec(Frozen):
    """The column that says who churned, and which of its values mean yes and no.

    Case and punctuation of the values do not count, and where a value is a word for yes or
    no (`yes`, `true`, `1`), the other such words are understood too.

    Attributes:
        name: Name in prepared data, and the first to look for in files.
        columns: Other names of the column in files.
    """

    name: str = "churn"
    columns: tuple[str, ...] = ()
    positive: tuple[StrictStr | StrictInt, ...] = ("Yes", "1", "true")
    negative: tuple[StrictStr | StrictInt, ...] = ("No", "0", "false")

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        return "one of " + ", ".join(repr(str(value)) for value in (*self.positive, *self.negative))


class SliceSpec(Frozen):
    """A field by which quality is checked group by group.

    Attributes:
        edges: Where a numeric field is cut: `(12, 36)` gives up to 12, above 12 to 36, above 36.
    """

    field: str
    edges: tuple[float, ...] = ()


class SchemaSpec(Frozen):
    """Who a customer is.

    Attributes:
        id_columns: Other names of the column in files that names the customer, best first.
        expectations: What any sensible model of these customers does when a field changes; the gate
            asks.
    """

    name: str
    version: int
    description: str
    fields: tuple[FieldSpec, ...]
    label: LabelSpec
    slices: tuple[SliceSpec, ...] = ()
    rules: tuple[Rule, ...] = ()
    id_columns: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = added(())

    def field(self, name: str) -> FieldSpec:
        """The field of that name.

        Raises:
            SchemaError: There is none.
        """
        try:
            return self.fields[self.positions[name]]
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
    def fingerprint(self) -> str:
        """SHA-256 of all that decides which customers are valid and what they mean.

        Documentation, spellings in files, slices and expectations have no part in it.
        """
        content = self.model_dump(mode="json", exclude=_NO_MEANING)
        content["label"].pop("columns")
        content["rules"] = sorted((_with_floats(rule) for rule in content["rules"]), key=_canonical)
        content["fields"] = [
            {key: value for key, value in field.items() if key not in _DOCUMENTATION}
            for field in content["fields"]
        ]
        return hashlib.sha256(_canonical(content).encode()).hexdigest()

    def example(self) -> dict[str, Scalar]:
        """One valid customer, as it is sent on the wire."""
        return {"customer_id": "C-0001", **{field.name: field.example for field in self.fields}}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A checked copy; unlike pydantic's own, it does not keep what was cached."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**values, **(update or {})})


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _with_floats(content: Any) -> Any:
    """0 and 0.0 mean the same in a rule."""
    if isinstance(content, dict):
        return {key: _with_floats(value) for key, value in cast("dict[str, Any]", content).items()}
    if isinstance(content, list):
        return [_with_floats(value) for value in cast("list[Any]", content)]
    return float(content) if isinstance(content, int) and not isinstance(content, bool) else content


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
