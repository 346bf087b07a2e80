from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_client._retry import RETRIED, Failure, GiveUp, backoff, decide, retry_after

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
    assert backoff(attempt, draw, asked) == pytest.approx(asked + backoff(attempt, draw))


failures = st.builds(
    Failure,
    attempt=st.integers(1, 100),
    status=st.none() | st.integers(100, 599),
    asked=st.none() | st.floats(0, 1e6),
    left=st.floats(-10, 100),
    tokens=st.floats(0, 10),
    draw=draws,
)
limits = st.integers(0, 100)


@given(failures, limits)
def test_no_retry_breaks_a_limit(failure: Failure, retries: int) -> None:
    pause = decide(failure, retries)
    if isinstance(pause, float):
        assert failure.status is None or failure.status in RETRIED
        assert failure.attempt <= retries
        assert failure.tokens >= 1
        assert (failure.asked or 0) <= pause < failure.left


@given(failures, limits)
def test_giving_up_has_its_reason(failure: Failure, retries: int) -> None:
    match decide(failure, retries):
        case GiveUp.FINAL:
            assert failure.status not in {None, 408, 429, 502, 503, 504}
        case GiveUp.ATTEMPTS:
            assert failure.attempt > retries
        case GiveUp.DEADLINE:
            assert backoff(failure.attempt - 1, failure.draw, failure.asked) >= failure.left
        case GiveUp.BUDGET:
            assert failure.tokens < 1


@given(failures, limits, st.floats(0, 100), st.floats(0, 10), st.integers(0, 5))
def test_more_of_anything_never_prevents_a_retry(
    failure: Failure, retries: int, left: float, tokens: float, more: int
) -> None:
    pause = decide(failure, retries)
    richer = replace(failure, left=failure.left + left, tokens=failure.tokens + tokens)
    if isinstance(pause, float):
        assert decide(richer, retries + more) == pause


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


@pytest.mark.parametrize(
    "text", ["Thu, 01 Jan 2026 00:00:10 GMT", "Thursday, 01-Jan-26 00:00:10 GMT", "Thu Jan  1 00:00:10 2026"]
)
def test_dates_are_read_in_all_forms_of_http(text: str) -> None:
    assert retry_after(text, datetime(2026, 1, 1, tzinfo=UTC)) == 10


def test_zeros_in_front_change_nothing() -> None:
    assert retry_after("000000000012") == 12
    assert retry_after("9" * 500) == 1e9
