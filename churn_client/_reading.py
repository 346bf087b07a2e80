"""From the bytes of an answer to a typed object, or to the error that it stands for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from churn_client._errors import CallFailed, StatusError, UnexpectedAnswer, status_error
from churn_client._exchange import Answer
from churn_client._messages import Request, Response
from churn_core.schemas import FieldProblem, Problem
from churn_core.schemas.wire import ProblemField

__all__ = ["problems_of", "read"]

M = TypeVar("M", bound=BaseModel)

_SHOWN = 500  # characters of a sentence of the service


def read(model: type[M], answer: Answer) -> M:
    """The answer as a typed object.

    Raises:
        StatusError: The service refused or failed.
        UnexpectedAnswer: This is no answer of a churn service, or not what it sent.
    """
    response = answer.response
    if response.status != 200:
        raise answer.failed(_error(answer.call.request, response))
    if not _is_intact(response):
        raise answer.failed(UnexpectedAnswer("the answer was changed on its way"))
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        known = model.__name__
    raise answer.failed(UnexpectedAnswer(f"the answer is not a {known} that this client knows"))


def problems_of(errors: Sequence[ProblemField]) -> tuple[FieldProblem, ...]:
    """The problems of a customer, as the client's own errors have them."""
    return tuple(FieldProblem(error.field, error.message, error.allowed) for error in errors)


def _is_intact(response: Response) -> bool:
    """Whether the body has the SHA-256 that the service sent with it, if it did (RFC 9530)."""
    for part in response.headers.get("content-digest", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "sha-256":
            digest = base64.b64encode(hashlib.sha256(response.content).digest()).decode()
            return value == f":{digest}:"
    return True


def _error(request: Request, response: Response) -> CallFailed:
    request_id = response.headers.get("x-request-id", "")
    try:
        problem = Problem.model_validate_json(response.content) if _is_intact(response) else None
    except ValidationError:
        problem = None
    if problem is None:
        if response.status < 400:
            return UnexpectedAnswer(f"the service answered with status {response.status}")
        return _with_id(response.status, "There is no explanation.", (), request_id)
    detail, problems = _sayable(request, problem)
    error = _with_id(response.status, detail, problems, problem.request_id or request_id)
    error.problem = problem
    return error


def _with_id(status: int, detail: str, problems: Sequence[FieldProblem], request_id: str) -> StatusError:
    shown = request_id if len(request_id) <= 128 and request_id.isprintable() else ""
    return status_error(status, detail, problems, shown)


def _sayable(request: Request, problem: Problem) -> tuple[str, tuple[FieldProblem, ...]]:
    """The service's words, as far as they quote nothing of what was sent.

    Our service quotes nothing. Something else may stand in its place, and an error's text is logged.
    """
    key = request.headers.get("x-api-key", "")
    customer = _content(request)
    names = {key, *(row.get("customer_id") for row in _rows(customer))}
    sent = names | set(_texts(customer))
    # Allowed values are a vocabulary: customers have the same words.
    fields = (
        FieldProblem(_clean(e.field, sent), _clean(e.message, sent), _clean(e.allowed, names))
        for e in problem.errors
    )
    return _clean(problem.detail or problem.title, sent), tuple(fields)


def _clean(text: str, quoted: set[Any]) -> str:
    quotes = any(isinstance(one, str) and len(one) > 2 and one in text for one in quoted)
    return "(not shown: it quotes what was sent)" if quotes else text[:_SHOWN]


def _content(request: Request) -> object:
    try:
        return json.loads(request.content or b"{}")
    except ValueError:
        return {}


def _rows(content: object) -> Iterator[dict[str, Any]]:
    """The customers of a request, one or many."""
    whole = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    many = cast("list[object]", whole.get("customers", [whole]))
    yield from (cast("dict[str, Any]", row) for row in many if isinstance(row, dict))


def _texts(content: object) -> Iterator[str]:
    for row in _rows(content):
        yield from (value for value in row.values() if isinstance(value, str))
