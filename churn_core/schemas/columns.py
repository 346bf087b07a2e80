"""Which column of a file holds which field of a schema.

Case, blanks and punctuation of column names do not count: `customerID`, `Customer ID` and
`customer_id` are one name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churn_core.errors import DataError
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import FieldSpec, SchemaSpec

__all__ = ["Columns", "Found", "column_key", "match_columns"]


@dataclass(frozen=True)
class Found:
    """A column that holds a field.

    Attributes:
        index: Its position, counted from 0.
        header: Its name in the file.
        values: The column's own values, to canonical ones; empty where it uses the field's.
    """

    index: int
    header: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True)
class Columns:
    """Where a file holds what.

    Attributes:
        fields: Field name to column, `customer_id` first, then in schema order.
        label: The column of the label, or `None` if the file has none.
        ignored: Names of the columns that the schema does not know.
        width: Number of columns in the file.
    """

    fields: Mapping[str, Found]
    label: Found | None
    ignored: tuple[str, ...]
    width: int


def column_key(name: object) -> str:
    """What of a column's name counts: its letters and digits, regardless of case."""
    return "".join(filter(str.isalnum, str(name).casefold()))


def match_columns(spec: SchemaSpec, header: Sequence[object], *, label: bool) -> Columns:
    """Find the columns of a schema in a file's header.

    Several columns may name the customer or the label; the first that the schema lists wins.
    Everything else must be found exactly once.

    Args:
        label: Whether a file without the label's column is refused.

    Raises:
        DataError: Columns are missing (named with the nearest of the header), or two columns
            hold the same field.
    """
    index = _Index(header)
    fields = {"customer_id": index.first("customer_id", ("customer_id", *spec.id_columns))}
    for field in spec.fields:
        fields[field.name] = index.only(field)
    outcome = index.first(spec.label.name, (spec.label.name, *spec.label.columns))
    missing = [name for name, found in fields.items() if found is None]
    if label and outcome is None:
        missing.append(spec.label.name)
    if missing:
        raise DataError(_missing(spec, missing, index.headers))
    return Columns(
        fields={name: found for name, found in fields.items() if found},
        label=outcome,
        ignored=index.unused(),
        width=len(header),
    )


class _Index:
    """The columns of a header by their keys."""

    def __init__(self, header: Sequence[object]) -> None:
        self.headers = [str(name) for name in header]
        self._used: set[int] = set()
        self._by_key: dict[str, list[int]] = {}
        for position, name in enumerate(self.headers):
            self._by_key.setdefault(column_key(name), []).append(position)

    def first(self, field: str, names: Sequence[str]) -> Found | None:
        """The column under the first of `names` that the header has."""
        hits = [position for name in names for position in self._single(field, name)]
        self._used.update(hits)
        return Found(hits[0], self.headers[hits[0]], {}) if hits else None

    def only(self, field: FieldSpec) -> Found | None:
        """The one column that holds `field` under any of its names."""
        own: dict[str, Mapping[str, Scalar]] = {column_key(field.name): {}}
        for column in field.columns:
            own.setdefault(column_key(column.name), column.values)
        hits = {key: position for key in own for position in self._single(field.name, key)}
        if len(hits) > 1:
            raise DataError(_twice(field.name, [self.headers[position] for position in hits.values()]))
        self._used.update(hits.values())
        return next((Found(at, self.headers[at], own[key]) for key, at in hits.items()), None)

    def unused(self) -> tuple[str, ...]:
        return tuple(name for at, name in enumerate(self.headers) if at not in self._used)

    def _single(self, field: str, name: str) -> list[int]:
        hits = self._by_key.get(column_key(name), [])
        if len(hits) > 1:
            raise DataError(_twice(field, [self.headers[position] for position in hits]))
        return hits


def _twice(field: str, headers: Sequence[str]) -> str:
    return f"columns {' and '.join(map(_quoted, headers))} all hold {field!r}: remove all but one"


def _missing(spec: SchemaSpec, missing: Sequence[str], headers: Sequence[str]) -> str:
    kind = "column" if len(missing) == 1 else "columns"
    wanted = "; ".join(_wanted(name, _other_names(spec, name), headers) for name in missing)
    return f"the file lacks {kind} that schema {spec.name!r} asks for: {wanted}"


def _wanted(name: str, others: Sequence[str], headers: Sequence[str]) -> str:
    keys = {column_key(header): header for header in headers}
    near = [
        match
        for wanted in (name, *others)
        for match in difflib.get_close_matches(column_key(wanted), keys, n=1, cutoff=0.7)
    ]
    notes = [f"also read as {', '.join(map(repr, others))}"] if others else []
    notes += [f"nearest in the file: {_quoted(keys[near[0]])}"] if near else []
    return repr(name) + (f" ({'; '.join(notes)})" if notes else "")


def _other_names(spec: SchemaSpec, name: str) -> tuple[str, ...]:
    if name == "customer_id":
        return spec.id_columns
    if name == spec.label.name:
        return spec.label.columns
    return tuple(column.name for column in spec.field(name).columns)


def _quoted(header: str) -> str:
    return repr(header if len(header) <= 64 else header[:61] + "...")
