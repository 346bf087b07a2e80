"""What is wrong with a customer, field by field, in words that leak nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from churn_core.schemas.spec import SchemaSpec

__all__ = ["FieldProblem", "allowed_values", "field_problems"]

_KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "null",
    dict: "an object",
    list: "a list",
}
_WHAT = {
    "greater_than_equal": "is out of range",
    "less_than_equal": "is out of range",
    "finite_number": "is not a finite number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is out of range",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "has control characters",
    "string_unicode": "is not valid Unicode text",
}
_POSITION = re.compile(r"line \d+ column \d+")


class FieldProblem(NamedTuple):
    """One problem of one field; `allowed` says what would be right."""

    field: str
    message: str
    allowed: str

    @property
    def reason(self) -> str:
        """What is wrong and what would be right, for where the field is named beside it."""
        return self.message + (f" (allowed: {self.allowed})" if self.allowed else "")

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


def field_problems(error: ValidationError, spec: SchemaSpec) -> tuple[FieldProblem, ...]:
    """Translate pydantic's errors on one customer; input values are never repeated."""
    details = error.errors(include_url=False, include_context=True)
    return tuple(problem for detail in details for problem in _problems(detail, spec))


def allowed_values(spec: SchemaSpec, name: str) -> str:
    """The allowed values of a field or of `customer_id`, in words; empty for other names."""
    if name == "customer_id":
        return "a text of 1 to 128 characters, none of them a control character"
    return spec.field(name).allowed if name in spec.positions else ""


def _problems(detail: ErrorDetails, spec: SchemaSpec) -> list[FieldProblem]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "rules":
        return [FieldProblem(field, "contradicts another field", rule) for field, rule in context["broken"]]
    if not detail["loc"] or kind == "invalid_key":
        return [FieldProblem("", _whole(kind, context), "one flat JSON object")]
    name = str(detail["loc"][0])
    if kind == "extra_forbidden":
        # An unknown name is the caller's text: quoting it in full could carry data.
        return [FieldProblem(name[:64], "is not a field of this schema", "fields: " + ", ".join(spec.names))]
    what = "is missing" if kind == "missing" else _what(kind, detail["input"], spec, name)
    return [FieldProblem(name, what, allowed_values(spec, name))]


def _whole(kind: str, context: dict[str, Any]) -> str:
    """What is wrong with the customer as a whole."""
    if kind in ("invalid_key", "string_unicode"):
        return "the name of a field is not a text"
    if kind != "json_invalid":
        return "the customer is not an object"
    position = _POSITION.search(str(context.get("error", "")))
    return "the customer is not valid JSON" + (f" ({position[0]})" if position else "")


def _what(kind: str, value: object, spec: SchemaSpec, name: str) -> str:
    if kind == "literal_error" and isinstance(value, str):
        return "is not in the vocabulary"
    if kind in _WHAT:
        return _WHAT[kind]
    if isinstance(value, float) and name in spec.positions and spec.field(name).integer:
        return "is not written as a whole number" if value.is_integer() else "is not a whole number"
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        return "is out of range"
    return f"has the wrong type: {_KINDS.get(type(value), 'a value of another kind')}"
