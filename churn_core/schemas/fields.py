"""Annotations that give a customer's field its role.

```python
tenure_months: Annotated[int, Numeric("Months as a customer", ge=0, le=1200, example=12)]
contract: Annotated[Literal["Monthly", "Yearly"], Category("Contract term", example="Monthly")]
paperless: Annotated[bool, Flag("Receives bills by e-mail", example=True)]
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic import Field

from churn_core.errors import SchemaError
from churn_core.schemas.moves import Move
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import FieldSpec, FileColumn, LanguageName, Wording

__all__ = ["Category", "Flag", "Numeric", "Role"]


@dataclass(frozen=True, kw_only=True)
class Role(GroupedMetadata):
    """What all roles share.

    Attributes:
        description: What the field means, in plain words.
        example: A typical value.
        columns: Other names of the column in files; only letters and digits count, so
            `MonthlyCharges` needs no mention beside `monthly_charges`. A `FileColumn` also
            translates that column's values.
        texts: How sentences about customers speak of the field, by language (`en`, `es`).
        moves: Changes that the company can offer; numbers have none.
        protected: Whether people must not be treated differently because of it, such as age or
            gender; a protected number needs slices.
    """

    description: str = field(kw_only=False)
    example: Scalar
    columns: tuple[str | FileColumn, ...] = ()
    texts: Mapping[LanguageName, Wording] = field(default_factory=dict[LanguageName, Wording])
    moves: tuple[Move, ...] = ()
    protected: bool = False

    def __iter__(self) -> Iterator[object]:
        yield Field(description=self.description, examples=[self.example], **self._constraints())

    def _constraints(self) -> dict[str, Any]:
        return {}

    def spec(self, name: str, annotation: object) -> FieldSpec:
        """The field as data.

        Raises:
            SchemaError: Annotation and role do not fit each other.
        """
        raise NotImplementedError

    def _common(self, name: str) -> dict[str, Any]:
        columns = tuple(c if isinstance(c, FileColumn) else FileColumn(name=c) for c in self.columns)
        return {
            "name": name,
            "description": self.description,
            "example": self.example,
            "columns": columns,
            "texts": dict(self.texts),
            "moves": self.moves,
            "protected": self.protected,
        }


@dataclass(frozen=True, kw_only=True)
class Numeric(Role):
    """A number from `ge` to `le`, both included, in `unit`."""

    ge: float
    le: float
    unit: str = ""

    def _constraints(self) -> dict[str, Any]:
        return {"ge": self.ge, "le": self.le}

    def spec(self, name: str, annotation: object) -> FieldSpec:
        if annotation is not int and annotation is not float:
            raise SchemaError(f"field {name!r} is Numeric, so its type must be int or float")
        bounds: dict[str, Any] = {"ge": self.ge, "le": self.le, "unit": self.unit}
        return FieldSpec(role="numeric", integer=annotation is int, **bounds, **self._common(name))


@dataclass(frozen=True, kw_only=True)
class Category(Role):
    """One of the values of the field's `Literal` type.

    Attributes:
        spellings: Other spellings in files, to canonical values; case, blanks and
            punctuation do not count.
    """

    spellings: Mapping[str, str] = field(default_factory=dict[str, str])

    def spec(self, name: str, annotation: object) -> FieldSpec:
        values = get_args(annotation)
        if get_origin(annotation) is not Literal or not all(isinstance(v, str) for v in values):
            raise SchemaError(f"field {name!r} is a Category, so its type must be a Literal of strings")
        return FieldSpec(role="category", values=values, spellings=dict(self.spellings), **self._common(name))


@dataclass(frozen=True, kw_only=True)
class Flag(Role):
    """True or false; files may say yes and no, or 1 and 0."""

    def spec(self, name: str, annotation: object) -> FieldSpec:
        if annotation is not bool:
            raise SchemaError(f"field {name!r} is a Flag, so its type must be bool")
        return FieldSpec(role="flag", **self._common(name))
