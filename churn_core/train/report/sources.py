"""Numbers of the report, each with the file and key that it comes from.

In the page a number is `<data value="0.845" data-from="metrics/metrics.json#roc_auc.value">`: whoever
doubts it can look it up, and a test does. Where it was multiplied to be told (profit of one customer
to that of a thousand), `data-times` says by what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup

from churn_core.train.evaluation.words import MISSING, money, number, points, share

__all__ = ["FORMS", "Sources", "key"]

FORMS: dict[str, Callable[..., str]] = {
    "count": lambda value: number(value, 0),
    "figures": lambda value: MISSING if value is None else f"{value:.6g}",
    "exact": lambda value: MISSING if value is None else f"{value:.2g}",
    "number": number,
    "percent": lambda value: MISSING if value is None else f"{100 * value:g}\u00a0%",
    "plain": lambda value: MISSING if value is None else f"{value:g}",
    "points": points,
    "share": share,
    "hundred": lambda value, digits=0: number(None if value is None else 100 * value, digits),
}


class Sources:
    """All files that the report tells of, and how it tells their numbers.

    Args:
        files: Content of each by its path below `outputs/`, or in the project.
        marked: Whether numbers carry where they come from, as the page does and Markdown does not.
    """

    def __init__(self, files: Mapping[str, Any], currency: str, marked: bool = True) -> None:
        self._files = files
        self._currency = currency
        self._marked = marked

    def find(self, source: str) -> Any:
        """What stands at `file#key.key`; places in lists are numbers, points within keys are `%2E`."""
        file, _, keys = source.partition("#")
        return reduce(_step, map(unquote, keys.split(".")), self._files[file])

    def show(self, source: str, form: str = "number", *rest: Any, times: float = 1.0) -> str:
        """A number in words.

        Args:
            form: One of `FORMS`, or `money`.
            rest: Digits, where the form takes them.
            times: What to multiply it with.
        """
        value = self.find(source)
        told = None if value is None else value * times
        text = money(told, self._currency, *rest) if form == "money" else FORMS[form](told, *rest)
        if not self._marked or value is None:
            return text
        times *= 100 if form in ("hundred", "points") else 1
        scale = f' data-times="{times!r}"' if times != 1 else ""
        mark = '<data value="{}" data-from="{}"{}>{}</data>'
        return Markup(mark).format(f"{value!r}", source, Markup(scale), text.replace(" ", "\u00a0"))  # noqa: S704

    def bounds(
        self, source: str, form: str = "number", *rest: Any, times: float = 1.0, name: str = ""
    ) -> str:
        """The interval beside a number: `8.89 to 11.66`, `82 to 87 %`.

        Args:
            name: Where low and high stand beside others in one row: what precedes `_low`.
        """
        ends = [f"{source}.{name}_{end}" if name else f"{source}.{end}" for end in ("low", "high")]
        if None in map(self.find, ends):
            return MISSING
        low = self.show(ends[0], "hundred" if form == "share" else form, *rest, times=times)
        high = self.show(ends[1], form, *rest, times=times)
        return Markup("{} to {}").format(low, high) if self._marked else f"{low} to {high}"


def key(name: str) -> str:
    """A key as it stands in a source, where a point would begin the next one."""
    return name.replace("%", "%25").replace(".", "%2E")


def _step(found: Any, key: str) -> Any:
    if isinstance(found, list | tuple):
        return found[int(key)]
    return found[key] if isinstance(found, Mapping) else getattr(found, key)
