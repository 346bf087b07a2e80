r"""JSON as RFC 8259 has it, where the fast parser has limits of its own.

That parser refuses lone surrogates (`"\ud800"`), very long numbers and deep nesting. All three are
valid JSON, so the customer who has them is at fault, and neither the body nor any other customer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from churn_core.errors import InvalidCustomer
from churn_core.schemas import FieldProblem

__all__ = ["as_text", "read_json"]

_BLANK = r"[ \t\n\r]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
# What Python's json.dumps writes for numbers that JSON cannot have; the fast parser reads them too.
_NO_NUMBER = "NaN|-?Infinity"
_VALUE = re.compile(rf"{_BLANK}(?:([\[{{])|{_STRING}|{_NO_NUMBER}|{_NUMBER}|true|false|null){_BLANK}")
_NAME = re.compile(rf"{_BLANK}{_STRING}{_BLANK}:")
_COMMA = re.compile(",")
_CLOSE = re.compile(rf"([\]}}]){_BLANK}")
_CLOSERS = {"[": "]", "{": "}"}
# More digits than any finite number has.
_DIGITS = 400


def read_json(body: bytes, depth: int) -> Any:
    """The content of a JSON document.

    Lists and objects below `depth` are read as empty, and whole numbers of more than 400 digits as
    shorter ones that are still out of any range. An object that names a field twice is an
    `InvalidCustomer`.

    Raises:
        ValueError: It is not JSON in UTF-8.
    """
    text = _shallow(body.decode(), depth)
    return json.loads(text, object_pairs_hook=_object, parse_int=lambda digits: int(digits[:_DIGITS]))


def as_text(name: str) -> str:
    """The begin of a name that a caller made up, with `?` for what cannot be sent back."""
    return name[:64].encode(errors="replace").decode()


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | InvalidCustomer:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    names = [name for name, _ in pairs]
    repeated = [as_text(name) for name in fields if names.count(name) > 1]
    return InvalidCustomer([FieldProblem(name, "is given twice", "") for name in repeated])


def _shallow(text: str, depth: int) -> str:
    """`text` without what is in lists and objects below `depth`, checked without recursion."""
    kept: list[str] = []
    copied = 0
    for level, at in _brackets(text):
        if level == depth + 1:
            kept.append(text[copied:at])
        elif level == -depth:
            copied = at
    return "".join([*kept, text[copied:]])


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """All brackets, while the text is checked.

    Yields:
        The level that a bracket opens, from 1, and the place after it; or minus the level to
        which it goes back, and its place.
    """
    closers: list[str] = []
    at = 0
    while True:
        if closers and closers[-1] == "}":
            at = _match(_NAME, text, at).end()
        value = _match(_VALUE, text, at)
        at = value.end()
        if bracket := value[1]:
            closers.append(_CLOSERS[bracket])
            yield len(closers), at
        if not bracket or _CLOSE.match(text, at):
            while closers and (close := _CLOSE.match(text, at)):
                if close[1] != closers.pop():
                    raise ValueError("a bracket closes what another one opened")
                at = close.end()
                yield -len(closers), close.start()
            if not closers:
                break
            at = _match(_COMMA, text, at).end()
    if at != len(text):
        raise ValueError("there is more than one value")


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if not found:
        raise ValueError(f"position {at} is not JSON")
    return found
