"""The body of a batch: `{"customers": [...]}`."""

from __future__ import annotations

from typing import Any, cast

from pydantic_core import from_json

from churn_core.schemas.wire import ProblemField
from churn_serve.errors import Refusal
from churn_serve.lenient import as_text, read_json

__all__ = ["read_rows"]

_KEY = "customers"
# The body, the list in it, and customers; what they hold is flat.
_DEPTH = 3


def read_rows(body: bytes) -> list[Any]:
    """The rows of a batch, not yet validated.

    Returns:
        What stands for each customer; an `InvalidCustomer` where an object names a field twice.

    Raises:
        Refusal: 400, the body is not JSON; 422, it is not such an object.
    """
    try:
        data: object = from_json(body)
    except ValueError:
        return _read_slowly(body)
    rows = _rows(data)
    # With one colon for each name, no name is there twice.
    names = sum(len(cast("dict[str, Any]", row)) for row in rows if isinstance(row, dict))
    return _read_slowly(body) if body.count(b":") > names + 1 else rows


def _read_slowly(body: bytes) -> list[Any]:
    try:
        data: object = read_json(body, _DEPTH)
    except ValueError:
        raise Refusal(400, "The body is not valid JSON.") from None
    return _rows(data)


def _rows(data: object) -> list[Any]:
    if not isinstance(data, dict):
        raise _refusal("", "is not one JSON object that names each field once")
    fields = cast("dict[str, object]", data)
    for name in fields:
        if name != _KEY:
            raise _refusal(as_text(name), "is not a field of this request")
    rows = fields.get(_KEY)
    if not isinstance(rows, list):
        raise _refusal(_KEY, "has the wrong type" if _KEY in fields else "is missing")
    return cast("list[Any]", rows)


def _refusal(field: str, message: str) -> Refusal:
    error = ProblemField(field=field, message=message, allowed="a list of customers")
    return Refusal(422, 'The body must be {"customers": [...]}.', (error,))
