"""Recorded requests: what production clients really send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from churn_core.errors import ParamsError

__all__ = ["read_requests"]


def read_requests(path: Path) -> tuple[dict[str, Any], ...]:
    """Customers of a file of JSON lines: one a line, or a batch as `{"customers": [...]}`.

    Raises:
        ParamsError: The file is missing, or a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ParamsError(f"recorded requests: {path} cannot be read") from None
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found += _customers(line, f"{path}, line {number}")
    return tuple(found)


def _customers(line: str, where: str) -> list[dict[str, Any]]:
    try:
        content: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ParamsError(f"recorded requests: {where} is not JSON") from None
    many = cast("dict[str, Any]", content).get("customers", [content]) if isinstance(content, dict) else None
    if not isinstance(many, list) or not all(isinstance(one, dict) for one in cast("list[Any]", many)):
        raise ParamsError(f"recorded requests: {where} is neither a customer nor a batch of customers")
    return cast("list[dict[str, Any]]", many)
