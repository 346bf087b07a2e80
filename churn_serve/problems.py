"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from pydantic_core import from_json

from churn_core.errors import InvalidCustomer
from churn_core.schemas import FieldProblem, Problem
from churn_core.schemas.wire import ProblemField
from churn_serve.errors import Refusal

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
    return tuple(ProblemField(field=p.field, message=p.message, allowed=p.allowed) for p in problems)


def invalid_customer(error: InvalidCustomer, body: bytes, schema: str) -> Refusal:
    """What to answer where a body is not a customer of the schema: 400 if it is not even JSON."""
    try:
        from_json(body)
    except ValueError:
        return Refusal(400, f"The body cannot be read: {error.problems[0].message}.")
    return Refusal(422, f"The customer does not fit schema {schema!r}.", problem_fields(error.problems))
