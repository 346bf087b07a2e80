"""GitHub's expressions, as far as our workflows use them; anything else is an error, not a guess.

Syntax: https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ExpressionError", "evaluate", "fill", "holds"]

Functions = Mapping[str, Callable[..., Any]]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>==|!=|&&|\|\||[!()*,]))"
)
_HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_STATUS = re.compile(r"\b(?:always|success|failure|cancelled)\(")


class ExpressionError(Exception):
    """An expression is not one that these tests know."""


def fill(text: str, contexts: Mapping[str, Any], functions: Functions) -> str:
    """Text with its `${{ }}` replaced."""
    return _HOLE.sub(lambda found: _as_text(evaluate(found[1], contexts, functions)), text)


def holds(condition: str, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """Whether a step or job with this `if:` runs; unless it asks for more, all before must have worked."""
    inner = found[1] if (found := _HOLE.fullmatch(condition.strip())) else condition
    value = bool(evaluate(inner, contexts, functions)) if inner.strip() else True
    return value and (bool(_STATUS.search(inner)) or bool(functions["success"]()))


def evaluate(expression: str, contexts: Mapping[str, Any], functions: Functions) -> Any:
    """The value of one expression."""
    parser = _Parser(_tokens(expression), contexts, functions)
    value = parser.either()
    if parser.left:
        raise ExpressionError(f"{expression!r} goes on after {value!r}")
    return value


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, at = list[tuple[str, str]](), 0
    text = expression.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise ExpressionError(f"{expression!r} cannot be read at {text[at:]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


class _Parser:
    def __init__(
        self, tokens: list[tuple[str, str]], contexts: Mapping[str, Any], functions: Functions
    ) -> None:
        self.left = tokens
        self._contexts = contexts
        self._functions = functions

    def either(self) -> Any:
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._equal()
        while self._takes("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._single()
        for sign in ("==", "!="):
            if self._takes(sign):
                same = _comparable(value) == _comparable(self._single())
                return same if sign == "==" else not same
        return value

    def _single(self) -> Any:
        if self._takes("!"):
            return not self._single()
        if self._takes("("):
            value = self.either()
            self._must_take(")")
            return value
        if not self.left:
            raise ExpressionError("an expression ends too early")
        kind, text = self.left.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        if kind != "name":
            raise ExpressionError(f"{text!r} is out of place")
        return self._call(text) if self._takes("(") else self._look_up(text)

    def _call(self, name: str) -> Any:
        arguments = list[Any]()
        while not self._takes(")"):
            arguments.append(self.either())
            self._takes(",")
        if name not in self._functions:
            raise ExpressionError(f"the function {name!r} is not known here")
        return self._functions[name](*arguments)

    def _look_up(self, name: str) -> Any:
        if name in ("true", "false"):
            return name == "true"
        context, *path = name.split(".")
        if context not in self._contexts:
            raise ExpressionError(f"the context {context!r} is not known here")
        value: Any = self._contexts[context]
        for step in path:  # what is not there is empty, as on GitHub
            value = value.get(step, "") if isinstance(value, Mapping) else ""
        return value

    def _takes(self, sign: str) -> bool:
        if self.left and self.left[0] == ("sign", sign):
            self.left.pop(0)
            return True
        return False

    def _must_take(self, sign: str) -> None:
        if not self._takes(sign):
            raise ExpressionError(f"{sign!r} is missing")


def _comparable(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
