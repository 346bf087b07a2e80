"""How the values of files are spelled: from any known spelling to the canonical value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import FieldSpec, LabelSpec

__all__ = [
    "BLANK",
    "Misfit",
    "Vocabulary",
    "field_values",
    "is_blank",
    "label_values",
    "to_text",
    "value_key",
]

_TRUE_WORDS = ("yes", "true", "1", "y", "t")
_FALSE_WORDS = ("no", "false", "0", "n", "f")
_BLANK_WORDS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nat", "-", "?"})
_MEANINGFUL = re.compile(r"(?<=\d)[.,](?=\d)|^-(?=\d)")
_MARKS = {".": "\ue000", ",": "\ue000", "-": "\ue001"}
# Bounds what a column of ever new spellings can make a vocabulary remember.
_MOST_SPELLINGS, _LONGEST_SPELLING = 10_000, 256

BLANK = object()


class Misfit(Exception):
    """A value has no canonical form; the message says what is wrong with it."""


@lru_cache(maxsize=4096)
def value_key(text: str) -> str:
    """What of a value's text counts: no case, blanks or punctuation.

    Signs that carry meaning stay: symbols such as `<`, `+` or `$`, a decimal point, and a
    minus in front of a number.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    marked = _MEANINGFUL.sub(lambda match: _MARKS[match[0]], folded)
    return "".join(c for c in marked if c in _MARKS.values() or unicodedata.category(c)[0] not in "PZC")


def to_text(value: object) -> str:
    """A scalar as text: whole numbers without a fraction, blanks around it stripped.

    Raises:
        Misfit: It is not a scalar.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    raise Misfit("has the wrong type")


def is_blank(value: object) -> bool:
    """Whether a file means by `value` that it does not know."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().casefold() in _BLANK_WORDS
    return isinstance(value, float | Decimal) and math.isnan(value)


class Vocabulary:
    """The known spellings of a closed set of values.

    Args:
        exact: Text to value; always wins.
        tolerant: Text to value, compared by `value_key`; keys that would mean two values
            are dropped, so that those values must be spelled exactly.
    """

    def __init__(self, exact: Mapping[Any, Scalar], tolerant: Iterable[tuple[str, Scalar]]) -> None:
        self.raw: dict[Any, Scalar] = dict(exact)
        self._keys: dict[str, Scalar] = {}
        clashes: set[str] = set()
        for text, value in tolerant:
            key = value_key(text)
            if self._keys.setdefault(key, value) != value:
                clashes.add(key)
        for key in clashes | {""}:
            self._keys.pop(key, None)

    def __call__(self, value: object) -> Any:
        """The canonical value, or `BLANK`.

        Raises:
            Misfit: The value is not in the vocabulary.
        """
        text = "" if value is None else to_text(value)
        canonical = self.raw.get(text, self._keys.get(value_key(text)))
        if canonical is None:
            if is_blank(value):
                return BLANK
            raise Misfit("is not in the vocabulary")
        if isinstance(value, str) and len(value) <= _LONGEST_SPELLING and len(self.raw) < _MOST_SPELLINGS:
            self.raw[value] = canonical
        return canonical


def field_values(field: FieldSpec, own: Mapping[str, Scalar]) -> Callable[[object], Any]:
    """The converter of one field's column; `own` are that column's own values, if it has any."""
    if field.role == "numeric":
        number = _whole if field.integer else _number
        return _translated(Vocabulary(own, own.items()), number) if own else number
    if own:
        return _flag_like(own)
    if field.role == "flag":
        return _flag_like({"yes": True, "no": False})
    exact = {value: value for value in field.values}
    # A column of codes may arrive as floats: 1.0 for "1".
    codes = {f"{value}.0": value for value in field.values if value.isdecimal()}
    return Vocabulary({**codes, **exact}, [*exact.items(), *field.spellings.items()])


def label_values(label: LabelSpec) -> Vocabulary:
    """The converter of the label's column, to true for churn."""
    texts = {str(value): True for value in label.positive} | {str(value): False for value in label.negative}
    return _flag_like(texts)


def _flag_like(values: Mapping[str, Scalar]) -> Vocabulary:
    """Where a value has a word for yes, all words for yes stand for it; so for no."""
    exact: dict[Any, Scalar] = dict(values)
    known = {value_key(text): value for text, value in values.items()}
    for words in (_TRUE_WORDS, _FALSE_WORDS):
        meanings = {known[word] for word in words if word in known}
        if len(meanings) == 1:
            (meaning,) = meanings
            exact.update({word: meaning for word in words if word not in known})
            # The key True also finds 1 and 1.0.
            yes = words is _TRUE_WORDS
            exact.update({yes: meaning, "1.0" if yes else "0.0": meaning})
    return Vocabulary(exact, ((text, value) for text, value in exact.items() if isinstance(text, str)))


def _translated(table: Vocabulary, number: Callable[[object], Any]) -> Callable[[object], Any]:
    def convert(value: object) -> Any:
        try:
            found = table(value)
        except Misfit:
            return number(value)
        return number(value) if found is BLANK else found

    return convert


def _number(value: object) -> Any:
    """A float; text is read with a decimal point and no separators of thousands."""
    if type(value) is float:
        return BLANK if math.isnan(value) else value
    if isinstance(value, str):
        if "_" not in value:
            try:
                return _no_nan(float(value))
            except ValueError:
                pass
        if is_blank(value):
            return BLANK
        raise Misfit("is not a number")
    if value is None:
        return BLANK
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _wide(value)
    raise Misfit("has the wrong type")


def _whole(value: object) -> Any:
    if type(value) is int:
        return value
    if isinstance(value, str) and "_" not in value:
        try:
            return int(value)
        except ValueError:
            pass
    number = _number(value)
    if number is BLANK:
        return BLANK
    if math.isinf(number):
        raise Misfit("is out of range")
    if number != int(number):
        raise Misfit("is not a whole number")
    return int(number)


def _no_nan(number: float) -> Any:
    return BLANK if math.isnan(number) else number


def _wide(value: float | Decimal) -> Any:
    try:
        return _no_nan(float(value))
    except OverflowError:
        raise Misfit("is out of range") from None
