"""Intervals held against what hold-out customers did."""

from __future__ import annotations

import numpy as np
import pytest

from churn_core.gate.groups import wilson
from churn_core.train.band import fit_band
from churn_core.train.blend import probabilities
from churn_core.train.evaluation.sureness import agrees, score_groups

Z = 1.6448536269514722  # of 90 %


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.2, 1.3, rows)
    return odds, (rng.random(rows) < probabilities(odds)).astype(np.int64)


def test_two_samples_of_one_rate_agree_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    for rate, rows, others in ((0.3, 300, 70), (0.1, 300, 300), (0.6, 100, 1000)):
        found: list[bool] = []
        for one, other in zip(rng.binomial(rows, rate, 3000), rng.binomial(others, rate, 3000), strict=True):
            found.append(agrees(wilson(one, rows, Z), (other / others, *wilson(other, others, Z))))
        assert np.mean(found) == pytest.approx(0.9, abs=0.02)


def test_newcombes_own_example() -> None:
    """56 of 70 and 48 of 80 differ by 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    bounds = wilson(48, 80)

    def told(shift: float) -> bool:
        rate, below, above = 0.8, *wilson(56, 70)
        return agrees(bounds, (rate - shift, below - shift, above - shift))

    assert [told(shift) for shift in (0.0, 0.0522, 0.0526, 0.2, 0.3337, 0.3341)] == [
        False,
        False,
        True,
        True,
        True,
        False,
    ]


def test_on_new_customers_the_stated_share_of_groups_agrees() -> None:
    shares: list[float] = []
    for seed in range(60):
        odds, labels = drawn(3000, seed)
        new, outcomes = drawn(1400, seed + 1000)
        groups = score_groups(outcomes, probabilities(new), fit_band(odds, labels, 0.9))
        assert len(groups) == 20
        shares.append(float(np.mean([group.agrees for group in groups])))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.025)


def test_bounds_of_another_market_are_found_out() -> None:
    odds, labels = drawn(5000, 0)
    _, outcomes = drawn(1400, 1)
    shifted = probabilities(drawn(1400, 1)[0] + 1.0)
    groups = score_groups(outcomes, shifted, fit_band(odds, labels, 0.9))
    assert sum(group.agrees for group in groups) < len(groups) / 3


def test_few_customers_make_few_groups() -> None:
    odds, labels = drawn(60, 2)
    band = fit_band(odds, labels, 0.9)
    groups = score_groups(labels, probabilities(odds), band)
    assert [len(group.rows) for group in groups] == [30, 30]
    assert groups[0].probability < groups[1].probability
