"""One JSON line for each request, without a word about the customer."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from typing import IO, Any

from pydantic_core import to_json

__all__ = ["Fields", "Finish", "Log", "ServerLogs", "hashed", "outcome"]

Fields = dict[str, Any]
Finish = Callable[[Fields], Fields]

_OUTCOMES = {429: "shed", 499: "left", 503: "unavailable"}
# Of 64 hex digits: enough to tell customers apart.
_DIGITS = 16


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
        ids: Sequence[str] = (),
    ) -> None:
        """Log an answered request.

        Args:
            route: A known path, never a caller's text.
            customers: How many were answered.
            model: The digest of the model in use.
            ids: Of the customers, hashed.
        """
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
            "outcome": outcome(status),
            "milliseconds": round(seconds * 1000, 3),
            "customers": customers,
            "model": model[:12],
        }
        if ids:
            fields["customer_ids"] = ids
        self._write(self._finish(fields) if self._finish else fields)

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

    def event(self, level: str, event: str, **facts: str | int) -> None:
        """Log something else that happened."""
        self._write({"time": _now(), "level": level, "event": event, **facts})

    def _write(self, fields: Fields) -> None:
        if self._stream:
            self._stream.write(to_json(fields).decode() + "\n")
            self._stream.flush()


class ServerLogs(logging.Handler):
    """Writes what the server below the service logs as lines of JSON too."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        event = record.getMessage().strip()
        if error:
            self._log.failure("the server failed", error)
        else:
            self._log.event(record.levelname.lower(), event)


def hashed(salt: str, ids: Sequence[str]) -> list[str]:
    """Ids of customers as nobody can read them who does not know the salt (HMAC-SHA-256)."""
    key = salt.encode()
    return [hmac.digest(key, text.encode(), "sha256").hex()[:_DIGITS] for text in ids]


def outcome(status: int) -> str:
    """What became of a request, in a word."""
    if status < 400:
        return "answered"
    return _OUTCOMES.get(status) or ("refused" if status < 500 else "failed")


def _now() -> str:
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=1)  # thousands of lines fall into the same second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
