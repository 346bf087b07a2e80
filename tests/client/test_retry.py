from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_client._retry import backoff, retry_after

draws = st.floats(0, 1)
attempts = st.integers(0, 10_000)


@given(attempts, draws)
def test_a_wait_is_bounded(attempt: int, draw: float) -> None:
    assert 0 <= backoff(attempt, draw) <= 8


@given(attempts, st.tuples(draws, draws))
def test_a_larger_draw_waits_no_less(attempt: int, pair: tuple[float, float]) -> None:
    assert backoff(attempt, min(pair)) <= backoff(attempt, max(pair))


@given(attempts, draws)
def test_the_bound_never_shrinks(attempt: int, draw: float) -> None:
    assert backoff(attempt, draw) <= backoff(attempt + 1, draw)


@given(attempts, draws, st.floats(0, 1e6))
def test_the_service_is_not_asked_before_it_wants(attempt: int, draw: float, asked: float) -> None:
    assert backoff(attempt, draw, asked) >= asked
    assert backoff(attempt, draw, asked) <= max(8, asked)


def test_the_first_waits_are_short() -> None:
    assert [backoff(attempt, 1.0) for attempt in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0]


@given(st.integers(0, 10**9 - 1))
def test_seconds_are_read(seconds: int) -> None:
    assert retry_after(f" {seconds} ") == seconds


@given(st.integers(-(10**6), 10**6))
def test_dates_are_read(offset: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    text = format_datetime(now + timedelta(seconds=offset), usegmt=True)
    assert retry_after(text, now) == max(offset, 0)


@given(st.text())
def test_nonsense_is_ignored(text: str) -> None:
    found = retry_after(text)
    assert found is None or found >= 0


@pytest.mark.parametrize("text", [None, "", "-1", "1.5", "soon", "\u0663", "Mon, 01 Jan 2026"])
def test_what_is_no_retry_after(text: str | None) -> None:
    assert retry_after(text) is None
