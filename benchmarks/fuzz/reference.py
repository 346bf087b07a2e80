"""What a request calls for, by the standard library and one customer at a time: slow, and obviously right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from churn_core.bundle import Scorer
from churn_core.errors import InvalidCustomer

__all__ = ["Reply", "Request", "check"]

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "explain": _FLAGS,
    "interval": _FLAGS,
    "action": _FLAGS,
    "language": {"en": "en", "es": "es"},
}
# Of headers, of what no route offers, and of what does not fit in.
_OTHER = frozenset({404, 405, 413, 415})


@dataclass(frozen=True)
class Request:
    """A request as text: `POST /predict?explain=true`, headers, an empty line, the body."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def read(cls, text: bytes) -> Request | None:
        """A request that a server could hand on; `None` for what it would refuse itself."""
        head, _, body = text.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        method, _, target = first.partition(b" ")
        path, _, query = target.partition(b"?")
        if not (method.isalpha() and method.isascii() and path.startswith(b"/") and target.isascii()):
            return None
        pairs = [line.partition(b":") for line in lines if b":" in line]
        headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
        return cls(method.decode(), path.decode(), query, headers, body)


@dataclass(frozen=True)
class Reply:
    """What the service answered."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def check(request: Request, reply: Reply, scorer: Scorer) -> None:
    """Compare an answer with what the request calls for.

    Raises:
        AssertionError: They differ.
    """
    assert reply.status < 500, reply.body
    assert reply.headers[b"x-request-id"]
    if reply.status >= 400:
        assert reply.headers[b"content-type"] == b"application/problem+json"
        if request.method != "HEAD":
            assert json.loads(reply.body)["status"] == reply.status
    hasty = any(name == b"x-request-timeout" for name, _ in request.headers)
    if request.method == "POST" and reply.status not in _OTHER and not hasty:
        if request.path == "/predict":
            _check_one(request, reply, scorer)
        elif request.path == "/predict/batch":
            _check_batch(request, reply, scorer)


def _check_one(request: Request, reply: Reply, scorer: Scorer) -> None:
    asked = _asked(request.query, scorer)
    try:
        answer = scorer.predict(scorer.customer_class.parse(_loads(request.body)), **(asked or {}))
    except InvalidCustomer:  # is a ValueError too, so it comes first
        status, answer = 422, None
    except ValueError:
        status, answer = 400, None
    except RecursionError:  # the reference is at its end, and the service is not
        assert reply.status in (400, 422)
        return
    else:
        status = 200
    assert reply.status == (400 if asked is None else status), reply.body
    if asked is not None and answer:
        assert _plain(json.loads(reply.body)) == _plain(answer.model_dump(mode="json"))


def _check_batch(request: Request, reply: Reply, scorer: Scorer) -> None:
    asked = _asked(request.query, scorer)
    try:
        rows = _rows(_loads(request.body))
    except ValueError:
        rows = None
    except RecursionError:
        return
    expected = 400 if asked is None or rows is None else 422 if rows == "wrong" else 200
    assert reply.status == expected, reply.body
    if expected != 200 or asked is None:
        return
    answers = [_row(scorer, row, asked) for row in rows or ()]
    batch = json.loads(reply.body)
    assert [row and _plain(row) for row in batch["predictions"]] == answers
    assert [error["index"] for error in batch["errors"]] == [i for i, row in enumerate(answers) if not row]


def _rows(data: Any) -> Any:
    fits = isinstance(data, dict) and list(data) == ["customers"] and isinstance(data["customers"], list)
    return data["customers"] if fits else "wrong"


def _row(scorer: Scorer, row: Any, asked: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return _plain(scorer.predict(scorer.customer_class.parse(row), **asked).model_dump(mode="json"))
    except InvalidCustomer:
        return None


def _asked(query: bytes, scorer: Scorer) -> dict[str, Any] | None:
    pairs = parse_qsl(query.decode(), keep_blank_values=True)
    values = {name: _PARAMETERS.get(name, {}).get(text.lower()) for name, text in pairs}
    if len(values) < len(pairs) or None in values.values():
        return None
    return None if values.get("interval") and scorer.bundle.band is None else values


def _loads(body: bytes) -> Any:
    return json.loads(body.decode(), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | None:
    """An object; `None`, which is no customer and no value of one, where it names a field twice."""
    return dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else None


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from request to request."""
    return {name: value for name, value in answer.items() if name != "request_id" and value != []}
