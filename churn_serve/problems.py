"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

from churn_core.errors import InvalidCustomer
from churn_core.schemas import Customer, FieldProblem, Problem
from churn_core.schemas.wire import ProblemField
from churn_serve.errors import Refusal
from churn_serve.lenient import as_text, read_json

__all__ = ["PROBLEM_JSON", "invalid_customer", "problem_body", "problem_fields"]

PROBLEM_JSON = b"application/problem+json"


def problem_body(refusal: Refusal, request_id: str) -> bytes:
    """The document that tells a caller why there is no answer."""
    problem = Problem(
        title=HTTPStatus(refusal.status).phrase,
        status=refusal.status,
        detail=refusal.detail,
        request_id=request_id,
        errors=refusal.errors,
    )
    return problem.model_dump_json().encode()


def problem_fields(problems: Sequence[FieldProblem]) -> tuple[ProblemField, ...]:
    """Problems of fields as they travel."""
    return tuple(ProblemField(field=as_text(p.field), message=p.message, allowed=p.allowed) for p in problems)


def invalid_customer(error: InvalidCustomer, body: bytes, customer_class: type[Customer]) -> Refusal:
    """What to answer where a body is not a customer of the schema: 400 if it is not even JSON."""
    try:
        from_json(body)
    except ValueError:
        try:
            content = read_json(body, depth=1)
        except ValueError:
            return Refusal(400, f"The body cannot be read: {error.problems[0].message}.")
        error = _fault(customer_class, content) or error
    fields = problem_fields(error.problems)
    return Refusal(422, f"The customer does not fit schema {customer_class.spec.name!r}.", fields)


def _fault(customer_class: type[Customer], content: Any) -> InvalidCustomer | None:
    if isinstance(content, InvalidCustomer):
        return content
    try:
        customer_class.parse(content)
    except InvalidCustomer as error:
        return error
    return None
