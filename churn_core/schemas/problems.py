"""What is wrong with a customer, field by field, in words that leak nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from churn_core.schemas.spec import SchemaSpec

__all__ = ["FieldProblem", "allowed_values", "field_problems"]

_KINDS = {bool: "a boolean", int: "a whole number", float: "a number", str: "a text", type(None): "null"}


class FieldProblem(NamedTuple):
    """One problem of one field; `allowed` says what would be right."""

    field: str
    message: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" + (f" (allowed: {self.allowed})" if self.allowed else "")


def field_problems(error: ValidationError, spec: SchemaSpec) -> tuple[FieldProblem, ...]:
    """Translate pydantic's errors on one customer; input values are never repeated."""
    details = error.errors(include_url=False, include_context=True)
    return tuple(_problem(detail, spec) for detail in details)


def _problem(detail: ErrorDetails, spec: SchemaSpec) -> FieldProblem:
    context: dict[str, Any] = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "rule":
        return FieldProblem(context["field"], "contradicts another field", context["allowed"])
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        # An unknown name is the caller's text: quoting it in full could carry data.
        return FieldProblem(name[:64], "is not a field of this schema", "fields: " + ", ".join(spec.names))
    allowed = allowed_values(spec, name)
    if kind == "missing":
        return FieldProblem(name, "is missing", allowed)
    if not name:
        return FieldProblem("", "is not a readable customer", "one flat JSON object")
    return FieldProblem(name, _what(kind, detail["input"]), allowed)


def _what(kind: str, value: object) -> str:
    if kind in ("greater_than_equal", "less_than_equal"):
        return "is out of range"
    if kind == "literal_error" and isinstance(value, str):
        return "is not in the vocabulary"
    if kind == "finite_number":
        return "is not a finite number"
    if kind in ("string_too_short", "string_too_long"):
        return "is too short" if kind == "string_too_short" else "is too long"
    return f"has the wrong type: {_KINDS.get(type(value), 'a nested value')}"


def allowed_values(spec: SchemaSpec, name: str) -> str:
    """The allowed values of a field or of `customer_id`, in words; empty for other names."""
    if name == "customer_id":
        return "a text of 1 to 128 characters"
    return spec.field(name).allowed if name in spec.names else ""
