"""The body of a batch: `{"customers": [...]}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from pydantic_core import from_json

from churn_core.errors import InvalidCustomer
from churn_core.schemas import FieldProblem
from churn_core.schemas.wire import ProblemField
from churn_serve.errors import Refusal

__all__ = ["read_rows"]

_KEY = "customers"


def read_rows(body: bytes) -> list[Any]:
    """The rows of a batch, not yet validated.

    Returns:
        What stands for each customer; an `InvalidCustomer` where an object names a field twice.

    Raises:
        Refusal: 400, the body is not JSON; 422, it is not such an object.
    """
    try:
        data: object = from_json(body)
        rows = _rows(data)
        # With one colon for each name, no name is there twice.
        names = sum(len(cast("dict[str, Any]", row)) for row in rows if isinstance(row, dict))
        if body.count(b":") > names + 1:
            rows = _rows(json.loads(body, object_pairs_hook=_object))
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not valid JSON.") from None
    return rows


def _rows(data: object) -> list[Any]:
    if not isinstance(data, dict):
        raise _refusal("", "is not one JSON object that names each field once")
    fields = cast("dict[str, object]", data)
    for name in fields:
        if name != _KEY:
            raise _refusal(name[:64], "is not a field of this request")
    rows = fields.get(_KEY)
    if not isinstance(rows, list):
        raise _refusal(_KEY, "has the wrong type" if _KEY in fields else "is missing")
    return cast("list[Any]", rows)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | InvalidCustomer:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    names = [name for name, _ in pairs]
    repeated = [name[:64] for name in fields if names.count(name) > 1]
    return InvalidCustomer([FieldProblem(name, "is given twice", "") for name in repeated])


def _refusal(field: str, message: str) -> Refusal:
    error = ProblemField(field=field, message=message, allowed="a list of customers")
    return Refusal(422, 'The body must be {"customers": [...]}.', (error,))
