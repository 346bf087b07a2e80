"""The templates of the report."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from churn_core.train.report.sources import key

__all__ = ["environment"]


@cache
def environment(*, marked: bool) -> Environment:
    """Templates of the page, where `marked`, or of the same as Markdown."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=marked,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"cell": _cell, "key": key, "lines": lambda text: " ".join(text.split())}
    return made


def _cell(text: str) -> str:
    """Text that stays within its cell of a Markdown table, and is no markup there."""
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
