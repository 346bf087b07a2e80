"""When to try again, and how long to wait before. Pure functions.

Waits are drawn from 0 to an exponentially growing bound ("full jitter"; Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015), so that clients that failed together do not come
back together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["RETRIED", "backoff", "retry_after"]

RETRIED = frozenset({429, 502, 503, 504})

_FIRST, _LONGEST = 0.2, 8.0


def backoff(attempt: int, draw: float, asked: float | None = None) -> float:
    """Seconds to wait after a failed attempt.

    Args:
        attempt: How many attempts failed before this one.
        draw: A random number from 0 to 1.
        asked: Seconds that the service asked to wait; the wait is never shorter.
    """
    bound = min(_LONGEST, _FIRST * 2.0 ** min(attempt, 30))
    return max(draw * bound, asked or 0.0)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The header `Retry-After` in seconds; `None` where it is missing or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
