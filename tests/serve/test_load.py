"""What load over HTTP is judged by."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.load import judge
from benchmarks.loader import Answer, Arrivals, open_loop, post
from benchmarks.servers import memory, processor_seconds, server
from tests.support.bundles import logistic_bundle

QUIET = [Answer(float(second), 200, 0.01) for second in range(9)]
FLAT = [100.0] * 10


def _kept(answers: list[Answer], megabytes: list[float]) -> list[bool]:
    return [verdict.kept for verdict in judge(Arrivals(answers), megabytes, 9.0)]


def test_refusals_are_no_failure() -> None:
    assert all(_kept([*QUIET, Answer(1.0, 429, 5.0), Answer(2.0, 503, 5.0)], FLAT))


@pytest.mark.parametrize(
    ("answers", "megabytes", "broken"),
    [
        ([Answer(4.0, 500, 0.01)], FLAT, {0}),
        ([Answer(4.0, 0, 0.01)], FLAT, {0}),
        ([Answer(8.0, 200, 1.5)], FLAT, {1, 2}),
        ([Answer(8.0, 200, 0.5)], FLAT, {2}),
        ([], [100.0] * 9 + [106.0], {3}),
    ],
)
def test_what_a_service_must_not_do_is_noticed(
    answers: list[Answer], megabytes: list[float], broken: set[int]
) -> None:
    assert {at for at, kept in enumerate(_kept([*QUIET, *answers], megabytes)) if not kept} == broken


def test_callers_come_at_their_own_time(tmp_path: Path) -> None:
    bundle = logistic_bundle(tmp_path)
    with server("-m", "churn_serve", "--bundle", str(bundle.folder), "--port", "0") as service:
        found = asyncio.run(open_loop(service.port, post("/predict", b"{}"), 200, 1.0))
        assert memory(service.pid) > 10
        assert processor_seconds(service.pid) > 0
    assert {answer.status for answer in found.answers} == {422}
    assert 100 < len(found.answers) < 300
