"""A schema in the languages of others: JSON Schema, SQL, and a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from churn_core.schemas.base import Customer
from churn_core.schemas.rules import BlankMeans, Condition, Implies, Scalar
from churn_core.schemas.spec import CUSTOMER_ID_PATTERN, FieldSpec, SchemaSpec

__all__ = ["FieldRow", "field_rows", "json_schema", "spec_of", "sql_table"]


class FieldRow(NamedTuple):
    """One line of the table that `churn schema` shows.

    Attributes:
        columns: Other names of the column in files.
    """

    field: str
    kind: str
    allowed: str
    meaning: str
    columns: str


def spec_of(schema: type[Customer] | SchemaSpec) -> SchemaSpec:
    """A schema as data, whether given as a class or as data."""
    return schema if isinstance(schema, SchemaSpec) else schema.spec


def field_rows(schema: type[Customer] | SchemaSpec) -> list[FieldRow]:
    """The fields of a schema in words, `customer_id` first."""
    spec = spec_of(schema)
    head = FieldRow(
        "customer_id",
        "text",
        "1 to 128 characters",
        "Names the customer; never a feature",
        ", ".join(spec.id_columns),
    )
    return [head, *(_field_row(field) for field in spec.fields)]


def _field_row(field: FieldSpec) -> FieldRow:
    if field.role == "numeric":
        kind, allowed = "integer" if field.integer else "number", field.allowed.partition(" from ")[2]
    else:
        kind, allowed = field.role, " | ".join(field.values) or "true | false"
    columns = ", ".join(column.name for column in field.columns)
    return FieldRow(field.name, kind, allowed, _meaning(field), columns)


def _meaning(field: FieldSpec) -> str:
    return field.description + (f" ({field.unit})" if field.unit else "")


def json_schema(schema: type[Customer] | SchemaSpec) -> dict[str, Any]:
    """One customer as JSON Schema 2020-12, rules across fields included."""
    spec = spec_of(schema)
    identifier: dict[str, Any] = {
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "pattern": CUSTOMER_ID_PATTERN,
        "description": "Names the customer; never a feature",
        "examples": [spec.example()["customer_id"]],
    }
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:churn-schema:{spec.name}:{spec.version}",
        "$comment": f"fingerprint {spec.fingerprint}",
        "title": spec.name,
        "description": spec.description,
        "type": "object",
        "properties": {"customer_id": identifier} | {field.name: _property(field) for field in spec.fields},
        "required": ["customer_id", *spec.names],
        "additionalProperties": False,
        "examples": [spec.example()],
    }
    implications = [part for rule in spec.rules if isinstance(rule, Implies) for part in _implications(rule)]
    return document | ({"allOf": implications} if implications else {})


def _property(field: FieldSpec) -> dict[str, Any]:
    common = {"description": _meaning(field), "examples": [field.example]}
    if field.role == "flag":
        return {"type": "boolean", **common}
    if field.role == "category":
        return {"type": "string", "enum": list(field.values), **common}
    low, high = map(int if field.integer else float, field.bounds)
    kind = "integer" if field.integer else "number"
    return {"type": kind, "minimum": low, "maximum": high, **common}


def _implications(rule: Implies) -> Iterator[dict[str, Any]]:
    pairs = [(rule.when, rule.then)]
    if rule.both_ways:
        pairs.append((rule.then, rule.when))
    for premise, conclusion in pairs:
        # Without `required`, a customer that lacks the field would count as fulfilling it.
        fulfilled = {**_states(premise), "required": [premise.field]}
        yield {"$comment": str(rule), "if": fulfilled, "then": _states(conclusion)}


def _states(condition: Condition) -> dict[str, Any]:
    return {"properties": {condition.field: {"enum": list(condition.values)}}}


def sql_table(schema: type[Customer] | SchemaSpec) -> str:
    """A `CREATE TABLE` statement whose checks refuse exactly the customers that the schema refuses.

    Standard SQL that PostgreSQL and SQLite run as it is. PostgreSQL rounds a fraction that is
    inserted into an integer column; SQLite refuses it.
    """
    spec = spec_of(schema)
    identifier = (
        '"customer_id" VARCHAR(128) NOT NULL PRIMARY KEY CHECK (LENGTH("customer_id") BETWEEN 1 AND 128)'
    )
    parts = [identifier, *(_column(field) for field in spec.fields)]
    parts += [_constraint(rule) for rule in spec.rules if isinstance(rule, Implies)]
    comments = [spec.description, f"Schema {spec.name}, version {spec.version}."]
    comments += [f"Rule: {rule}." for rule in spec.rules if isinstance(rule, BlankMeans)]
    head = "".join(f"-- {line}\n" for line in "\n".join(comments).splitlines())
    body = ",\n".join(_indented(part) for part in parts)
    return f"{head}CREATE TABLE {_name(spec.name.replace('-', '_') + '_customers')} (\n{body}\n);\n"


def _indented(part: str) -> str:
    return "\n".join(f"  {line}" for line in part.splitlines())


def _column(field: FieldSpec) -> str:
    name = _name(field.name)
    comment = " ".join(_meaning(field).split())
    return f"-- {comment}\n{name} {_type(field)} NOT NULL CHECK ({_check(field, name)})"


def _type(field: FieldSpec) -> str:
    if field.role == "flag":
        return "BOOLEAN"
    if field.role == "category":
        return f"VARCHAR({max(map(len, field.values))})"
    if not field.integer:
        return "DOUBLE PRECISION"
    return "INTEGER" if max(map(abs, field.bounds)) < 2**31 else "BIGINT"


def _check(field: FieldSpec, name: str) -> str:
    if field.role == "flag":
        return _among(name, (False, True))
    if field.role == "category":
        return _among(name, field.values)
    low, high = map(int if field.integer else float, field.bounds)
    inside = f"{name} BETWEEN {low!r} AND {high!r}"
    # SQLite keeps a fraction, or a text, in a column of integers.
    return f"{inside} AND {name} = CAST({name} AS {_type(field)})" if field.integer else inside


def _constraint(rule: Implies) -> str:
    when, then = _holds(rule.when), _holds(rule.then)
    forth = f"CHECK (NOT ({when}) OR {then})"
    return f"{forth},\nCHECK (NOT ({then}) OR {when})" if rule.both_ways else forth


def _holds(condition: Condition) -> str:
    return _among(_name(condition.field), condition.values)


def _among(name: str, values: Sequence[Scalar]) -> str:
    return f"{name} IN ({', '.join(map(_literal, values))})"


def _literal(value: Scalar) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value).upper() if isinstance(value, bool) else repr(value)


def _name(identifier: str) -> str:
    """Quoted, since a field may be called like a word of SQL."""
    return f'"{identifier}"'
