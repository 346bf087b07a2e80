"""Whether to try again, and after how long. Pure functions.

Waits are drawn from 0 to an exponentially growing bound ("full jitter"; Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015), so that clients that failed together do not come
back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

__all__ = ["RETRIED", "Failure", "GiveUp", "backoff", "decide", "retry_after"]

RETRIED = frozenset({408, 429, 502, 503, 504})

_FIRST, _LONGEST = 0.2, 8.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known when an attempt has failed.

    Attributes:
        attempt: Which one it was, counted from 1.
        status: What the service answered; `None` where it did not.
        asked: Seconds that it asked to wait, if it did.
        left: Seconds until the deadline of the call.
        tokens: What the retry budget holds; a retry costs 1.
        draw: A random number from 0 to 1.
    """

    attempt: int
    status: int | None
    asked: float | None
    left: float
    tokens: float
    draw: float


class GiveUp(Enum):
    """Why there is no other attempt."""

    FINAL = "the answer would stay the same"
    ATTEMPTS = "all attempts are used up"
    BUDGET = "too many calls failed lately"
    DEADLINE = "the deadline would pass"


def decide(failure: Failure, retries: int) -> float | GiveUp:
    """Seconds to wait before the next attempt, or why there is none.

    Args:
        failure: What is known.
        retries: Most attempts after the first.
    """
    if failure.status is not None and failure.status not in RETRIED:
        return GiveUp.FINAL
    if failure.attempt > retries:
        return GiveUp.ATTEMPTS
    pause = backoff(failure.attempt - 1, failure.draw, failure.asked)
    if pause >= failure.left:
        return GiveUp.DEADLINE
    return pause if failure.tokens >= 1 else GiveUp.BUDGET


def backoff(attempt: int, draw: float, asked: float | None = None) -> float:
    """Seconds to wait after a failed attempt.

    Args:
        attempt: How many attempts failed before this one.
        draw: A random number from 0 to 1.
        asked: Seconds that the service asked to wait; jitter comes on top, since it asks all alike.
    """
    bound = min(_LONGEST, _FIRST * 2.0 ** min(attempt, 30))
    return draw * bound + (asked or 0.0)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The header `Retry-After` in seconds; `None` where it is missing or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), 1e9)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # the form of asctime, which RFC 9110 has in UTC
        moment = moment.replace(tzinfo=UTC)
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
