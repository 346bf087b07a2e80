"""One JSON line for each request, without a word about the customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import IO, Any

from pydantic_core import to_json

__all__ = ["Fields", "Finish", "Log"]


Fields = dict[str, Any]
Finish = Callable[[Fields], Fields]


class Log:
    """Writes what happens as lines of JSON.

    The standard library's `logging` would cost more than the prediction that it reports.

    Args:
        stream: Where to; `None` for nowhere.
        finish: What to make of the fields of a request's line, such as `churn_serve.emf` does.
    """

    def __init__(self, stream: IO[str] | None = None, finish: Finish | None = None) -> None:
        self._stream = stream
        self._finish = finish

    def request(
        self,
        request_id: str,
        method: str,
        route: str,
        status: int,
        seconds: float,
        customers: int,
        *,
        model: str = "",
    ) -> None:
        """Log an answered request; `route` is a known path, never a caller's text."""
        if not self._stream:
            return
        fields: Fields = {
            "time": _now(),
            "level": "info",
            "event": "request",
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            "customers": customers,
            "model": model[:12],
        }
        self._write(self._finish(fields) if self._finish else fields)

    def event(self, level: str, event: str, **facts: str | int) -> None:
        """Log something else that happened."""
        self._write({"time": _now(), "level": level, "event": event, **facts})

    def failure(self, event: str, error: BaseException, request_id: str = "") -> None:
        """Log an unexpected error: its type and where it was raised.

        Its message is left out: messages of foreign code may quote a customer.
        """
        trace = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
        self._write(
            {
                "time": _now(),
                "level": "error",
                "event": event,
                "request_id": request_id,
                "error": type(error).__name__,
                "trace": trace,
            }
        )

    def _write(self, fields: Fields) -> None:
        if self._stream:
            self._stream.write(to_json(fields).decode() + "\n")
            self._stream.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
