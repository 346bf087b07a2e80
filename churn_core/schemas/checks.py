"""What makes a schema's data sound; every class and every bundle passes through here.

Each check yields sentences about faults, so that a schema's author sees all of them at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from keyword import iskeyword

from churn_core.errors import SchemaError
from churn_core.schemas.columns import column_key
from churn_core.schemas.expectations import Expectation
from churn_core.schemas.moves import value_name
from churn_core.schemas.rules import BlankMeans, Condition, broken_rules
from churn_core.schemas.spec import FieldSpec, LabelSpec, Rule, SchemaSpec, SliceSpec
from churn_core.schemas.values import value_key

__all__ = ["check_spec", "expectation_faults"]

_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Columns of prepared data that are neither fields nor label.
_RESERVED = ("customer_id", "split")
# All sets of a few moves are tried for a customer: with these, some 10,000 at the very most.
_MOST_MOVES = 40


def check_spec(spec: SchemaSpec, taken: Iterable[str] = ()) -> None:
    """Refuse a schema that contradicts itself.

    Args:
        taken: Further names that no field may have, such as the attributes of a base class.

    Raises:
        SchemaError: With all faults found.
    """
    reserved = {*_RESERVED, *taken}
    faults = [*_names(spec, reserved), *_label(spec.label, reserved)]
    faults += [fault for field in spec.fields for fault in _field(field)]
    if sum(len(field.moves) for field in spec.fields) > _MOST_MOVES:
        faults.append(f"there are more than {_MOST_MOVES} moves")
    # The rest speaks of fields, so it is only worth reading when those are sound.
    if not faults:
        faults = [*_columns(spec), *_slices(spec), *_rules(spec)]
        faults += expectation_faults(spec, spec.expectations)
    if faults:
        raise SchemaError(f"schema {spec.name!r}: " + "; ".join(faults))


def expectation_faults(spec: SchemaSpec, expectations: Iterable[Expectation]) -> Iterator[str]:
    """What is wrong with what is expected of models, one sentence a fault."""
    for one in expectations:
        if one.field not in spec.positions:
            yield f"an expectation speaks of {one.field!r}, which is not a field"
            continue
        field = spec.field(one.field)
        if field.role == "numeric":
            if one.values or not 0 < one.step <= field.bounds[1] - field.bounds[0]:
                yield f"an expectation about the number {one.field!r} needs a step within its range"
        elif one.step or len(one.values) < 2 or not all(map(field.allows, one.values)):
            yield f"an expectation about {one.field!r} needs two or more of its values"


def _names(spec: SchemaSpec, reserved: set[str]) -> Iterator[str]:
    if not _SCHEMA_NAME.fullmatch(spec.name) or len(spec.name) > 64:
        yield "the name must be lower-case words joined by hyphens, such as 'acme-mobile'"
    if spec.version < 1:
        yield "the version must be 1 or more"
    if not spec.fields:
        yield "there are no fields"
    for name in spec.names:
        if not _FIELD_NAME.fullmatch(name) or iskeyword(name):
            yield f"the field name {name!r} must be lower-case letters, digits and underscores"
        elif name in reserved or name.startswith("model_"):
            yield f"the field name {name!r} is reserved"
    for name in sorted({name for name in spec.names if spec.names.count(name) > 1}):
        yield f"the field {name!r} is declared twice"
    if spec.label.name in spec.names:
        yield f"the label {spec.label.name!r} must not be a field"


def _label(label: LabelSpec, reserved: set[str]) -> Iterator[str]:
    if not _FIELD_NAME.fullmatch(label.name) or label.name in reserved:
        yield f"the label cannot be named {label.name!r}"
    positive, negative = ({value_key(str(v)) for v in side} for side in (label.positive, label.negative))
    if not positive or not negative:
        yield "the label needs values that mean yes and values that mean no"
    if positive & negative:
        yield "the label has a value that means both yes and no"


def _field(field: FieldSpec) -> Iterator[str]:
    yield from (f"field {field.name!r} {fault}" for fault in _ROLES[field.role](field))


def _numeric(field: FieldSpec) -> Iterator[str]:
    if field.ge is None or field.le is None or not (math.isfinite(field.ge) and math.isfinite(field.le)):
        yield "needs finite bounds ge and le"
    elif not field.ge < field.le:
        yield "needs a ge that is less than its le"
    elif field.integer and not (field.ge.is_integer() and field.le.is_integer()):
        yield "takes whole numbers, so its bounds must be whole"
    else:
        yield from _values(field)
    if field.values or field.spellings:
        yield "is numeric and cannot have a vocabulary"


def _category(field: FieldSpec) -> Iterator[str]:
    if len(set(field.values)) != len(field.values) or not field.values:
        yield "needs a vocabulary of different values"
    elif not all(value == value.strip() and 0 < len(value) <= 128 for value in field.values):
        yield "has a value that is empty, longer than 128 characters, or has blanks around it"
    elif not all(map(str.isprintable, field.values)):
        yield "has a value with characters that cannot be printed"
    else:
        yield from _values(field)
    if field.ge is not None or field.le is not None or field.integer:
        yield "is a category and cannot have bounds"


def _flag(field: FieldSpec) -> Iterator[str]:
    if field.ge is not None or field.le is not None or field.integer or field.values or field.spellings:
        yield "is a flag and cannot have bounds or a vocabulary"
    yield from _values(field)


_ROLES = {"numeric": _numeric, "category": _category, "flag": _flag}


def _values(field: FieldSpec) -> Iterator[str]:
    """Example and spellings must be, or lead to, allowed values."""
    if not field.allows(field.example):
        yield f"has an example that is not {field.allowed}"
    if not all(field.allows(value) for value in field.spellings.values()):
        yield "has spellings that lead to values it does not have"
    yield from _texts(field)
    yield from _moves(field)
    for column in field.columns:
        if not all(field.allows(value) for value in column.values.values()):
            yield f"has a column {column.name!r} whose values lead to values it does not have"


def _texts(field: FieldSpec) -> Iterator[str]:
    """Sentences must begin with something, and speak of values that the field can have."""
    for language, wording in field.texts.items():
        for value, text in (*wording.subjects.items(), *wording.moves.items()):
            if not text.strip():
                yield f"has an empty text in {language!r}"
            if not _is_spoken_of(field, value):
                yield f"has a text in {language!r} for {value!r}, which it cannot be"


def _moves(field: FieldSpec) -> Iterator[str]:
    """At most one move leads from one value to another, and never to the same."""
    if field.moves and field.role == "numeric":
        yield "is numeric and cannot have moves"
        return
    for place, move in enumerate(field.moves):
        name = value_name(move.to)
        if not all(field.allows(value) for value in (move.to, *move.origins)):
            yield f"has a move to {name!r} that speaks of values it does not have"
        elif move.to in move.origins:
            yield f"has a move from {name!r} to itself"
        if not (math.isfinite(move.cost) and move.cost >= 0):
            yield f"has a move to {name!r} whose cost is not a number from 0"
        for other in field.moves[:place]:
            both = not move.origins or not other.origins or set(move.origins) & set(other.origins)
            if other.to == move.to and both:
                yield f"has two moves to {name!r} from the same value"


def _is_spoken_of(field: FieldSpec, value: str) -> bool:
    if field.role == "category":
        return value in field.values
    if field.role == "flag":
        return value in {"true", "false"}
    return not value or re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _columns(spec: SchemaSpec) -> Iterator[str]:
    """In a file, one column must not mean two things."""
    owners: dict[str, str] = {}
    for name, columns in _column_names(spec).items():
        for column in columns:
            key = column_key(column)
            if not key:
                yield f"a column of {name!r} has a name without letters or digits"
            elif owners.setdefault(key, name) != name:
                yield f"the column {column!r} would hold both {owners[key]!r} and {name!r}"


def _column_names(spec: SchemaSpec) -> Mapping[str, tuple[str, ...]]:
    return {
        "customer_id": ("customer_id", *spec.id_columns),
        spec.label.name: (spec.label.name, *spec.label.columns),
        **{field.name: (field.name, *(column.name for column in field.columns)) for field in spec.fields},
    }


def _slices(spec: SchemaSpec) -> Iterator[str]:
    for slice_ in spec.slices:
        if slice_.field not in spec.positions:
            yield f"a slice speaks of {slice_.field!r}, which is not a field"
        else:
            yield from _slice(slice_, spec.field(slice_.field))
    if len({slice_.field for slice_ in spec.slices}) != len(spec.slices):
        yield "a field is sliced twice"
    sliced = {slice_.field for slice_ in spec.slices}
    for field in spec.fields:
        if field.protected and field.role == "numeric" and field.name not in sliced:
            yield f"the number {field.name!r} is protected, so it needs slices that say who is compared"


def _slice(slice_: SliceSpec, field: FieldSpec) -> Iterator[str]:
    if field.role != "numeric":
        if slice_.edges:
            yield f"the slices of {field.name!r} need no edges: it is not numeric"
        return
    low, high = field.bounds
    inside = all(low <= edge < high for edge in slice_.edges)
    if not slice_.edges or not inside or any(a >= b for a, b in pairwise(slice_.edges)):
        yield f"the slices of {field.name!r} need increasing edges within its bounds"


def _rules(spec: SchemaSpec) -> Iterator[str]:
    faults = [fault for rule in spec.rules for fault in _rule(spec, rule)]
    yield from faults
    if not faults:
        for rule in broken_rules(spec.rules, spec.example()):
            yield f"the examples together break the rule that {rule}"


def _rule(spec: SchemaSpec, rule: Rule) -> Iterator[str]:
    yield from _condition(spec, rule.when)
    if isinstance(rule, BlankMeans):
        yield from _condition(spec, Condition(field=rule.field, values=(rule.value,)))
        target = rule.field
    else:
        yield from _condition(spec, rule.then)
        target = rule.then.field
    if target == rule.when.field:
        yield f"a rule about {target!r} must depend on another field"


def _condition(spec: SchemaSpec, condition: Condition) -> Iterator[str]:
    if condition.field not in spec.positions:
        yield f"a rule speaks of {condition.field!r}, which is not a field"
    elif not condition.values:
        yield f"a rule about {condition.field!r} names no values"
    elif not all(spec.field(condition.field).allows(value) for value in condition.values):
        yield f"a rule speaks of values that {condition.field!r} cannot have"
