"""What a caller wants in an answer: the query parameters of predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args
from urllib.parse import parse_qs

from churn_core.bundle import Manifest
from churn_core.schemas import LanguageName
from churn_core.schemas.wire import ProblemField
from churn_serve.errors import Refusal

__all__ = ["LANGUAGES", "Wanted", "wanted"]

LANGUAGES: tuple[LanguageName, ...] = get_args(LanguageName)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer holds besides the decision.

    Attributes:
        explain: The strongest reasons.
        interval: How sure the probability is.
        action: What could keep the customer.
        language: Of all texts.
    """

    explain: bool = True
    interval: bool = False
    action: bool = False
    language: LanguageName = "en"


def wanted(query: bytes, bundle: Manifest) -> Wanted:
    """The query parameters of one request.

    Raises:
        Refusal: 400, one is unknown, is given twice or has no allowed value, or the bundle cannot
            give what is asked for.
    """
    found = _read(query)
    if found.interval and bundle.band is None:
        raise _refused("interval", "asks for what this model does not know", "false")
    return found


@lru_cache(maxsize=256)
def _read(query: bytes) -> Wanted:
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return Wanted(**{name: _value(name, texts) for name, texts in given.items()})


def _value(name: str, texts: list[str]) -> Any:
    if name not in _PARAMETERS:
        raise _refused(name[:64], "is not a parameter of this route", ", ".join(_PARAMETERS))
    allowed, values = _PARAMETERS[name]
    if len(texts) > 1:
        raise _refused(name, "is given twice", f"{allowed}, once")
    value = values(texts[0].lower())
    if value is None:
        raise _refused(name, "is not allowed", allowed)
    return value


def _refused(name: str, message: str, allowed: str) -> Refusal:
    error = ProblemField(field=name, message=message, allowed=allowed)
    return Refusal(400, f"The query parameter {name!r} {message}.", (error,))


_ANSWERS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
_SPOKEN: Mapping[str, str] = {name: name for name in LANGUAGES}
_FLAG = ("true or false", _ANSWERS.get)
_PARAMETERS: Mapping[str, tuple[str, Callable[[str], bool | str | None]]] = {
    "explain": _FLAG,
    "interval": _FLAG,
    "action": _FLAG,
    "language": (" or ".join(LANGUAGES), _SPOKEN.get),
}
