"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "MISSING",
    "PERCENT",
    "between",
    "interval_words",
    "money",
    "number",
    "points",
    "share",
    "share_between",
    "tied",
]

MISSING = "not defined"
PERCENT = "\u00a0%"


def number(value: float | None, digits: int = 3) -> str:
    """A plain number: `0.847`."""
    return MISSING if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"


def share(value: float | None, digits: int = 0) -> str:
    """A share of a whole: `74 %`."""
    return MISSING if value is None else f"{100 * value:.{digits}f}{PERCENT}"


def money(value: float | None, currency: str, digits: int = 2) -> str:
    """An amount: `15.20 EUR`."""
    return MISSING if value is None else f"{number(value, digits)} {currency}"


def between(interval: Mapping[str, float | None], digits: int = 3) -> str:
    """The bounds alone: `0.825 to 0.868`."""
    if interval["low"] is None or interval["high"] is None:
        return MISSING
    return f"{number(interval['low'], digits)} to {number(interval['high'], digits)}"


def share_between(interval: Mapping[str, float | None], digits: int = 0) -> str:
    """The bounds of a share: `65 to 80 %`."""
    if interval["low"] is None or interval["high"] is None:
        return MISSING
    return f"{100 * interval['low']:.{digits}f} to {share(interval['high'], digits)}"


def interval_words(interval: Mapping[str, float | None], digits: int = 3) -> str:
    """Value and bounds: `0.847 (95 % interval 0.825 to 0.868)`."""
    return f"{number(interval['value'], digits)} (95{PERCENT} interval {between(interval, digits)})"


def points(value: float | None) -> str:
    """A difference of shares in percentage points, always signed: `+1.2`."""
    return MISSING if value is None else f"{round(100 * value, 1) + 0.0:+.1f}"


def tied(text: str) -> str:
    """The text with percent signs kept on the line of their number."""
    return text.replace(" %", PERCENT)
