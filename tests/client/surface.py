"""All that callers of the client can rely on, one fact a line: names, arguments, fields, the tree of errors.

`python -m tests.client.surface` adds to `surface.txt` what is new. What was removed or changed breaks
callers: that needs a new major version (before 1.0, a new minor one), and `--breaking` to be written down.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel

import churn_client
from churn_client import pytest_plugin, testing
from churn_client.__main__ import main

__all__ = ["FILE", "facts", "lost"]

FILE = Path(__file__).with_name("surface.txt")
_KINDS = {inspect.Parameter.KEYWORD_ONLY: " (by name)", inspect.Parameter.VAR_KEYWORD: " (any more)"}


def facts() -> list[str]:
    """The surface as it is."""
    found: list[str] = []
    for module in (churn_client, testing, pytest_plugin):
        for name in module.__all__:
            found += _of(f"{module.__name__}.{name}", getattr(module, name))
    return sorted([*found, f"{main.__module__}: python -m churn_client"])


def lost(before: list[str], now: list[str]) -> list[str]:
    """What callers can no longer rely on: facts that are gone, and arguments that they now have to give."""
    callables = {fact.partition("(")[0] for fact in before}
    asked = [fact for fact in now if fact.endswith(" = required") and fact.partition("(")[0] in callables]
    return [fact for fact in before if fact not in now] + [fact for fact in asked if fact not in before]


def _of(place: str, thing: Any) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield from _arguments(place, thing)
    elif issubclass(thing, BaseModel):
        yield f"{place}: model"
        for name, field in thing.model_fields.items():
            yield f"{place}.{name}: {inspect.formatannotation(field.annotation)}"
    elif issubclass(thing, BaseException):
        yield f"{place}: error, also {', '.join(base.__name__ for base in thing.__mro__[1:-1])}"
        yield from (f"{place}.{name}: attribute" for name in _attributes(thing))
    elif thing.__doc__ and hasattr(thing, "__total__"):
        for name, kind in get_type_hints(thing).items():
            yield f"{place}.{name}: {inspect.formatannotation(kind)}"
    else:
        yield from _class(place, thing)


def _class(place: str, thing: type[Any]) -> Iterator[str]:
    yield f"{place}: class"
    yield from _arguments(place, thing.__init__)
    for name, method in inspect.getmembers(thing, callable):
        if not name.startswith("_") or name in ("__enter__", "__aenter__"):
            yield from _arguments(f"{place}.{name}", method)


def _attributes(error: type[BaseException]) -> Iterator[str]:
    """What its docstring and those of its ancestors promise."""
    for ancestor in error.__mro__:
        _, _, text = (inspect.cleandoc(ancestor.__doc__ or "")).partition("Attributes:\n")
        yield from (
            line.split(":")[0].strip() for line in text.splitlines() if ancestor.__module__[:5] == "churn"
        )


def _arguments(place: str, function: Any) -> Iterator[str]:
    function = getattr(function, "_get_wrapped_function", lambda: function)()  # a fixture's
    signature = inspect.signature(function)
    yield f"{place}() -> {signature.return_annotation}"
    for name, one in signature.parameters.items():
        if name != "self":
            yield f"{place}({name}): {one.annotation}{_KINDS.get(one.kind, '')}{_default(one)}"


def _default(one: inspect.Parameter) -> str:
    if one.kind is one.VAR_KEYWORD:
        return ""
    return " = required" if one.default is one.empty else f" = {one.default!r}"


if __name__ == "__main__":
    before = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    gone = lost(before, facts())
    if gone and "--breaking" not in sys.argv:
        sys.exit("\n".join(["error: this breaks callers; see --breaking in tests/client/surface.py:", *gone]))
    FILE.write_text("\n".join(facts()) + "\n", encoding="utf-8")
