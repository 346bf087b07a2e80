"""What a real service refuses, in its words; `tests/contract` holds this to the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from urllib.parse import parse_qs

from pydantic_core import from_json

from churn_client._errors import InvalidCustomer
from churn_core.schemas import Customer, FieldProblem, LanguageName
from churn_core.schemas.wire import ProblemField

__all__ = [
    "BATCH_BYTES",
    "BATCH_ROWS",
    "BODY_BYTES",
    "PARAMETERS",
    "Refused",
    "check_body",
    "read_customer",
    "read_query",
    "read_rows",
    "row_errors",
]

BODY_BYTES, BATCH_BYTES, BATCH_ROWS = 65_536, 6_291_456, 1000

_FLAG = {"true": True, "1": True, "false": False, "0": False}
PARAMETERS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "explain": (_FLAG, "true or false"),
    "interval": (_FLAG, "true or false"),
    "action": (_FLAG, "true or false"),
    "language": ({name: name for name in get_args(LanguageName)}, " or ".join(get_args(LanguageName))),
}
_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json", re.IGNORECASE)
# Far more digits than any number has that a customer can hold, and fewer than Python refuses to read.
_DIGITS = 400


class Refused(Exception):
    """A request is answered by a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[ProblemField] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}
        super().__init__(detail)


def read_query(query: str) -> dict[str, Any]:
    """What a query asks for, by parameter.

    Raises:
        Refused: 400, a parameter is unknown, is given twice or has no allowed value.
    """
    asked: dict[str, Any] = {"explain": True, "interval": False, "action": False, "language": "en"}
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        values, allowed = PARAMETERS.get(name, ({}, ""))
        value = values.get(texts[0].lower())
        if not values:
            raise _parameter(name[:64], "is not a parameter of this route", ", ".join(PARAMETERS))
        if len(texts) > 1:
            raise _parameter(name, "is given twice", f"{allowed}, once")
        if value is None:
            raise _parameter(name, "is not allowed", allowed)
        asked[name] = value
    return asked


def check_body(headers: Mapping[str, str], body: bytes, limit: int) -> None:
    """Refuse what is not sent as JSON, and what is too large.

    Raises:
        Refused: 413 or 415.
    """
    kind = headers.get("content-type")
    if kind and not _is_json(kind):
        raise Refused(
            415, "The body must be application/json in UTF-8.", headers={"accept": "application/json"}
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "The body must not be compressed.", headers={"accept-encoding": "identity"})
    if len(body) > limit:
        raise Refused(413, f"The body must not be larger than {limit} bytes.")


def read_customer(schema: type[Customer], body: bytes) -> Customer:
    """The one customer of a body.

    Raises:
        Refused: 400, it is not JSON; 422, it is no customer of the schema.
    """
    try:
        return schema.parse_json(body)
    except InvalidCustomer as error:
        found = _fault(schema, body, error)
    raise Refused(422, f"The customer does not fit schema {schema.spec.name!r}.", row_errors(found))


def read_rows(body: bytes, most: int) -> list[Any]:
    """What stands for each customer of a batch; an `InvalidCustomer` for an object with a field twice.

    Raises:
        Refused: 400, it is not JSON; 413, there are more than `most`; 422, it is no batch.
    """
    try:
        content = _lenient(body)
    except ValueError:
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise _no_batch("", "is not one JSON object that names each field once")
    fields = cast("dict[str, Any]", content)
    for name in fields:
        if name != "customers":
            raise _no_batch(_as_text(name), "is not a field of this request")
    rows = fields.get("customers")
    if not isinstance(rows, list):
        raise _no_batch("customers", "has the wrong type" if fields else "is missing")
    if len(cast("list[Any]", rows)) > most:
        raise Refused(413, f"A batch must not have more than {most} customers.")
    return cast("list[Any]", rows)


def row_errors(error: InvalidCustomer) -> tuple[ProblemField, ...]:
    """Problems of fields as they travel."""
    return tuple(
        ProblemField(field=_as_text(problem.field), message=problem.message, allowed=problem.allowed)
        for problem in error.problems
    )


def _parameter(name: str, message: str, allowed: str) -> Refused:
    problem = ProblemField(field=name, message=message, allowed=allowed)
    return Refused(400, f"The query parameter {name!r} {message}.", [problem])


def _no_batch(field: str, message: str) -> Refused:
    problem = ProblemField(field=field, message=message, allowed="a list of customers")
    return Refused(422, 'The body must be {"customers": [...]}.', [problem])


def _is_json(kind: str) -> bool:
    media, *parameters = (part.strip() for part in kind.split(";"))
    charsets = [text[8:].strip('"') for text in parameters if text.lower().startswith("charset=")]
    return bool(_JSON_TYPE.fullmatch(media)) and all(name.lower() in ("utf-8", "utf8") for name in charsets)


def _fault(schema: type[Customer], body: bytes, error: InvalidCustomer) -> InvalidCustomer:
    """What is wrong with the customer, also where only pydantic's parser cannot read him.

    Raises:
        Refused: 400, nobody can.
    """
    try:
        from_json(body)
        return error
    except ValueError:
        try:
            content = _lenient(body)
        except ValueError:
            raise Refused(400, f"The body cannot be read: {error.problems[0].message}.") from None
    if isinstance(content, InvalidCustomer):
        return content
    try:
        schema.parse(content)
    except InvalidCustomer as found:
        return found
    return error


def _lenient(body: bytes) -> Any:
    """JSON with all that RFC 8259 allows, lone surrogates and endless numbers included.

    Raises:
        ValueError: It is not JSON in UTF-8.
    """
    return json.loads(
        body.decode(), object_pairs_hook=_object, parse_int=lambda digits: int(digits[:_DIGITS])
    )


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | InvalidCustomer:
    names = [name for name, _ in pairs]
    twice = [_as_text(name) for name in dict(pairs) if names.count(name) > 1]
    return (
        InvalidCustomer([FieldProblem(name, "is given twice", "") for name in twice])
        if twice
        else dict(pairs)
    )


def _as_text(name: str) -> str:
    """The begin of a name that a caller made up, with `?` for what cannot be sent back."""
    return name[:64].encode(errors="replace").decode()
