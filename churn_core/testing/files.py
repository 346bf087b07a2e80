"""Hypothesis strategies for files of customers in all the spellings that readers must know."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from churn_core.schemas import BlankMeans, Customer, FieldSpec, SchemaSpec
from churn_core.schemas.columns import column_key
from churn_core.schemas.values import value_key
from churn_core.testing.customers import customer_dicts

__all__ = ["FileRows", "file_rows"]

_YES = ("yes", "Yes", "TRUE", "true", "1", "1.0", "y", True, 1, 1.0)
_NO = ("no", "No", "FALSE", "false", "0", "0.0", "n", False, 0, 0.0)
_BLANK = ("", " ", "NA", "NaN", "null", None, float("nan"))


class FileRows(NamedTuple):
    """A file as it could circulate.

    Attributes:
        header: Its column names.
        rows: Its rows, as a CSV or Parquet reader would give them.
        customers: What the rows mean.
        labels: Whether these customers churned.
    """

    header: list[str]
    rows: list[list[Any]]
    customers: list[dict[str, Any]]
    labels: list[bool]


@st.composite
def file_rows(draw: st.DrawFn, schema: type[Customer] | SchemaSpec, *, max_rows: int = 4) -> FileRows:
    """Files of valid customers: any order of columns, extra columns, any known spelling."""
    spec = schema if isinstance(schema, SchemaSpec) else schema.spec
    customers = draw(st.lists(customer_dicts(spec), min_size=1, max_size=max_rows))
    labels = draw(st.lists(st.booleans(), min_size=len(customers), max_size=len(customers)))
    for at, customer in enumerate(customers):
        customer["customer_id"] = f"C-{at}"
    columns = [_identifier(draw, spec, customers), _label(draw, spec, labels)]
    columns += [_column(draw, spec, field, customers) for field in spec.fields]
    columns += draw(st.lists(_extra(spec, len(customers)), max_size=2, unique_by=lambda column: column[0]))
    columns = draw(st.permutations(columns))
    header = [name for name, _ in columns]
    rows = [[cells[at] for _, cells in columns] for at in range(len(customers))]
    return FileRows(header, rows, customers, labels)


_Column = tuple[str, list[Any]]


def _identifier(draw: st.DrawFn, spec: SchemaSpec, customers: list[dict[str, Any]]) -> _Column:
    name = _column_name(draw, ("customer_id", *spec.id_columns))
    return name, [draw(_padded(customer["customer_id"])) for customer in customers]


def _label(draw: st.DrawFn, spec: SchemaSpec, labels: list[bool]) -> _Column:
    name = _column_name(draw, (spec.label.name, *spec.label.columns))
    sides = {True: spec.label.positive, False: spec.label.negative}
    return name, [draw(st.sampled_from(sides[label]).map(str).flatmap(_padded)) for label in labels]


def _column(draw: st.DrawFn, spec: SchemaSpec, field: FieldSpec, customers: list[dict[str, Any]]) -> _Column:
    own = draw(st.sampled_from([None, *field.columns]))
    name = _column_name(draw, (own.name if own else field.name,))
    translations = own.values if own else {}
    return name, [draw(_cell(spec, field, customer, translations)) for customer in customers]


def _cell(
    spec: SchemaSpec, field: FieldSpec, customer: dict[str, Any], translations: dict[str, Any]
) -> st.SearchStrategy[Any]:
    value = customer[field.name]
    ways: list[st.SearchStrategy[Any]] = []
    if not translations or field.role == "numeric":
        ways.append(_spelled(field, value))
    ways += [_padded(text) for text, meaning in translations.items() if meaning == value]
    if any(_means(rule, field, customer) for rule in spec.rules):
        ways.append(st.sampled_from(_BLANK))
    return st.one_of(ways)


def _means(rule: object, field: FieldSpec, customer: dict[str, Any]) -> bool:
    if not isinstance(rule, BlankMeans) or rule.field != field.name:
        return False
    return rule.value == customer[field.name] and rule.when.holds(customer)


def _spelled(field: FieldSpec, value: Any) -> st.SearchStrategy[Any]:
    if field.role == "flag":
        return st.sampled_from(_YES if value else _NO)
    if field.role == "numeric":
        texts = [repr(value), f"{value}.0"] if field.integer else [repr(value)]
        return st.sampled_from([value, float(value)]) | st.sampled_from(texts).flatmap(_padded)
    spellings = [value, *(text for text, meaning in field.spellings.items() if meaning == value)]
    return st.sampled_from(spellings).flatmap(lambda text: _worded(field, text))


def _worded(field: FieldSpec, text: str) -> st.SearchStrategy[str]:
    known = {*field.values, *field.spellings}
    if sum(value_key(other) == value_key(text) for other in known) > 1 or not text.isascii():
        return _padded(text)
    return st.sampled_from([text, text.upper(), text.lower(), text.replace(" ", "_")]).flatmap(_padded)


def _padded(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, f" {text}", f"{text}  "])


def _column_name(draw: st.DrawFn, names: tuple[str, ...]) -> str:
    name = draw(st.sampled_from(names))
    words = name.split("_")
    camel = "".join(word[:1].upper() + word[1:] for word in words)
    return draw(st.sampled_from([name, name.upper(), camel, " ".join(words), f" {name} "]))


def _extra(spec: SchemaSpec, rows: int) -> st.SearchStrategy[_Column]:
    taken = {column_key(name) for name in ("customer_id", *spec.id_columns, *spec.names)}
    taken |= {column_key(name) for name in (spec.label.name, *spec.label.columns)}
    taken |= {column_key(column.name) for field in spec.fields for column in field.columns}
    names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    cells = st.lists(st.text(max_size=5), min_size=rows, max_size=rows)
    return st.tuples(names.filter(lambda name: column_key(name) not in taken), cells)
