"""One JSON line for each request, without a word about the customer."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import IO, Any

__all__ = ["configure_logging", "log_failure", "log_request"]

_LOGGER = logging.getLogger("churn_serve")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, event, and the fields it was given."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = getattr(record, "fields", {})
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage(), **fields}
        return json.dumps(line, separators=(",", ":"))


def configure_logging(stream: IO[str] | None = None) -> None:
    """Write the service's log to `stream`, or standard error. Importing the package does not."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def log_request(
    method: str, route: str, status: int, seconds: float, customers: int, request_id: str
) -> None:
    """Log an answered request; `route` is a known path, never a caller's text."""
    if _LOGGER.isEnabledFor(logging.INFO):
        fields = {
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            "customers": customers,
        }
        _LOGGER.info("request", extra={"fields": fields})


def log_failure(event: str, error: BaseException, request_id: str = "") -> None:
    """Log an unexpected error: its type and where it was raised.

    Its message is left out: messages of foreign code may quote a customer.
    """
    trace = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
    fields = {"request_id": request_id, "error": type(error).__name__, "trace": trace}
    _LOGGER.error(event, extra={"fields": fields})
