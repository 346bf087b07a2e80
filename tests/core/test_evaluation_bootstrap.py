"""Bootstrap intervals: reproducible, of the stated coverage, paired where models are compared."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from churn_core.bundle import decision_policy
from churn_core.errors import DataError
from churn_core.gate import bootstrap as module
from churn_core.gate.bootstrap import bootstrap, paired_bootstrap
from churn_core.gate.metrics import METRICS, Metric, brier, calibration_slope, decision_metrics, roc_auc
from churn_core.params import CostParams


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-1.0, 1.2, rows)))
    return (rng.random(rows) < p).astype(int), p


def test_the_seed_decides() -> None:
    labels, p = drawn(300, 0)
    first, again, other = (bootstrap(labels, p, METRICS, 50, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert {name: i.value for name, i in first.items()} == {name: i.value for name, i in other.items()}


def test_how_many_resamples_lie_in_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, p = drawn(300, 0)
    whole = bootstrap(labels, p, METRICS, 40)
    monkeypatch.setattr(module, "_BLOCK", 700)  # two resamples at once
    for name, interval in bootstrap(labels, p, METRICS, 40).items():
        assert (interval.low, interval.high) == pytest.approx((whole[name].low, whole[name].high), rel=1e-12)


def test_all_metrics_see_the_same_resamples() -> None:
    labels, p = drawn(300, 0)
    assert bootstrap(labels, p, {"brier": brier}, 60)["brier"] == bootstrap(labels, p, METRICS, 60)["brier"]


def test_equal_to_resampling_by_hand() -> None:
    labels, p = drawn(200, 1)
    rng = np.random.default_rng(7)
    values = []
    for _ in range(80):
        rows = rng.integers(0, 200, 200)
        values.append(roc_auc(labels[rows], p[rows]))
    interval = bootstrap(labels, p, {"roc_auc": roc_auc}, 80, 7)["roc_auc"]
    assert interval.value == roc_auc(labels, p)
    assert (interval.low, interval.high) == pytest.approx(
        tuple(np.quantile(values, (0.025, 0.975))), rel=1e-9
    )


@pytest.mark.parametrize("metric", [roc_auc, brier], ids=lambda metric: metric.name)
def test_intervals_hold_the_truth_as_often_as_they_say(metric: Metric) -> None:
    truth = metric(*drawn(400_000, 99))
    found = [bootstrap(*drawn(300, seed), {"m": metric}, 200, seed)["m"] for seed in range(300)]
    covered = np.mean([interval.low <= truth <= interval.high for interval in found])
    assert 0.91 <= covered <= 0.98


def test_level_sets_the_width() -> None:
    labels, p = drawn(300, 0)
    wide, narrow = (bootstrap(labels, p, {"a": roc_auc}, 200, 0, level)["a"] for level in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    labels, p = drawn(1000, 2)
    worse = np.clip(p + np.random.default_rng(0).normal(0, 0.08, 1000), 0, 1)
    apart = [bootstrap(labels, q, {"a": roc_auc}, 300)["a"] for q in (p, worse)]
    assert apart[0].low < apart[1].high  # they overlap
    paired = paired_bootstrap(labels, p, worse, roc_auc, 300)
    assert paired.value == pytest.approx(apart[0].value - apart[1].value)
    assert 0 < paired.low < paired.value < paired.high
    back = paired_bootstrap(labels, worse, p, roc_auc, 300)
    assert (back.value, back.low, back.high) == pytest.approx((-paired.value, -paired.high, -paired.low))


def test_a_model_does_not_differ_from_itself() -> None:
    labels, p = drawn(200, 3)
    paired = paired_bootstrap(labels, p, p, brier, 50)
    assert (paired.value, paired.low, paired.high) == (0, 0, 0)


def test_resamples_without_one_class_are_left_out() -> None:
    labels, p = np.array([1, 0, 0, 0, 0, 0]), np.array([0.6, 0.7, 0.2, 0.1, 0.3, 0.2])
    interval = bootstrap(labels, p, {"a": roc_auc}, 500)["a"]  # a third of the resamples has no churner
    assert 0 <= interval.low < interval.high <= 1


def test_a_metric_undefined_on_most_resamples_has_no_bounds() -> None:
    labels, p = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    interval = bootstrap(labels, p, {"slope": calibration_slope}, 50)["slope"]
    assert all(math.isnan(number) for number in (interval.value, interval.low, interval.high))


def test_replicates_must_be_positive() -> None:
    with pytest.raises(DataError, match="at least one replicate, not 0"):
        bootstrap([0, 1], [0.1, 0.9], METRICS, 0)


def test_a_thousand_replicates_take_seconds() -> None:
    labels, p = drawn(2000, 0)
    metrics = {**METRICS, **decision_metrics(decision_policy(CostParams()))}
    begin = time.process_time()
    bootstrap(labels, p, metrics)
    assert time.process_time() - begin < 10
