"""The statistics of the gate, beside those of scipy, statsmodels, and long ways to compute them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.gate.simulate import duel
from churn_core.gate.bootstrap import paired_bootstrap, paired_replicates
from churn_core.gate.compare import COMPARABLE, loss_difference
from churn_core.gate.delong import auc, auc_difference, hanley_mcneil, placements
from churn_core.gate.inference import Normal, Resampled, holm
from churn_core.gate.metrics import METRICS, brier, log_loss, roc_auc


def test_a_normal_estimate_is_scipys() -> None:
    one = Normal(0.3, 0.2)
    assert one.p_above(0.1) == pytest.approx(stats.norm.sf(1.0))
    assert one.p_below(0.1) == pytest.approx(stats.norm.cdf(1.0))
    interval = one.interval(0.9)
    assert (interval.low, interval.high) == pytest.approx(stats.norm.interval(0.9, 0.3, 0.2))


def test_without_noise_there_is_no_doubt() -> None:
    assert (Normal(0.1, 0.0).p_above(0.0), Normal(0.0, 0.0).p_above(0.0)) == (0.0, 1.0)
    assert (Normal(-0.1, 0.0).p_below(0.0), Normal(0.1, 0.0).p_below(0.0)) == (0.0, 1.0)


def test_replicates_count_themselves() -> None:
    one = Resampled(1.0, np.array([0.0, 1.0, 1.0, 2.0, np.nan]))
    assert one.p_above(0.0) == pytest.approx(2 / 5)
    assert one.p_below(0.0) == pytest.approx(5 / 5)
    assert one.p_below(2.0) == pytest.approx(2 / 5)
    assert one.error == pytest.approx(np.std([0, 1, 1, 2], ddof=1))
    assert math.isnan(Resampled(1.0, np.array([1.0, np.nan, np.nan])).interval(0.95).low)


def closed(p: list[float], alpha: float) -> list[bool]:
    """Refuted is what Bonferroni refutes together with any others (Marcus, Peritz, Gabriel 1976)."""
    groups = [g for size in range(1, len(p) + 1) for g in itertools.combinations(range(len(p)), size)]
    refuted = {group: min(p[i] for i in group) <= alpha / len(group) for group in groups}
    return [all(refuted[group] for group in groups if i in group) for i in range(len(p))]


def test_holms_method_is_the_closure_of_bonferronis() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        p = list(random.beta(0.3, 2.0, random.integers(1, 7)))
        assert holm(p, 0.05) == closed(p, 0.05)
    assert holm([], 0.05) == []
    assert holm([math.nan, 0.0001], 0.05)[0] is False


# ROC AUC


def brute(labels: np.ndarray, *models: np.ndarray) -> tuple[list[float], np.ndarray]:
    """AUCs and their covariance by comparing every churner with every other (DeLong and others 1988)."""
    churned = labels > 0
    wins = [(p[churned][:, None] > p[~churned]) + 0.5 * (p[churned][:, None] == p[~churned]) for p in models]
    above = np.cov([w.mean(axis=1) for w in wins]) / churned.sum()
    below = np.cov([w.mean(axis=0) for w in wins]) / (~churned).sum()
    return [float(w.mean()) for w in wins], above + below


@pytest.mark.parametrize(("rows", "levels"), [(12, 3), (40, 4), (150, 1000), (151, 7)])
def test_delong_is_the_long_way_ties_included(rows: int, levels: int) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = np.append(random.integers(0, 2, rows - 4), [0, 0, 1, 1])
        one, other = (np.round((labels + random.normal(0, 1.5, rows)) * levels / 5) / levels for _ in "ab")
        (first, second), spread = brute(labels, one, other)
        alone, difference = auc(labels, one), auc_difference(labels, one, other)
        assert alone.value == pytest.approx(first)
        assert alone.value == pytest.approx(roc_auc(labels, (one - one.min()) / 10 + 0.01))
        assert alone.error == pytest.approx(math.sqrt(spread[0, 0]))
        assert difference.value == pytest.approx(first - second)
        expected = spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]
        assert difference.error == pytest.approx(math.sqrt(max(expected, 0.0)), abs=1e-12)


def test_placements_are_shares_of_pairs() -> None:
    churned, stayed = placements([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    assert churned.tolist() == [1.0, 0.75]
    assert stayed.tolist() == [0.75, 1.0]


def test_delong_needs_two_of_each() -> None:
    assert math.isnan(auc([0, 0, 1], [0.1, 0.2, 0.3]).error)
    assert math.isnan(auc_difference([0, 1, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.2]).interval(0.95).low)


def test_delong_and_bootstrap_agree() -> None:
    pair = duel(better_by=0.003).draw(1500, 0)
    labels, new, old = pair.labels, pair.candidate, pair.champion
    found, drawn = auc_difference(labels, new, old), paired_bootstrap(labels, new, old, roc_auc, 2000)
    assert found.value == pytest.approx(drawn.value)
    exact = found.interval(0.95)
    assert (exact.low, exact.high) == pytest.approx((drawn.low, drawn.high), abs=0.0012)


def test_hanley_and_mcneils_error_is_near_what_samples_show() -> None:
    # Table II of the paper: an area of 0.70 with 100 customers of each kind has an error near 0.0366.
    assert hanley_mcneil(0.7, 100, 100) == pytest.approx(0.0367, abs=2e-4)
    areas = [auc(one.labels, one.champion) for one in (duel().draw(1400, seed) for seed in range(60))]
    churners = int(1400 * 0.29)
    reckoned = hanley_mcneil(float(np.mean([one.value for one in areas])), churners, 1400 - churners)
    assert reckoned == pytest.approx(np.mean([one.error for one in areas]), rel=0.2)
    assert reckoned == pytest.approx(np.std([one.value for one in areas]), rel=0.25)


# losses


@pytest.mark.parametrize("metric", [log_loss, brier])
def test_a_difference_of_losses_is_a_paired_test(metric) -> None:
    pair = duel(better_by=0.004).draw(1500, 3)
    found = loss_difference(metric.name, pair.labels, pair.candidate, pair.champion)
    p = {"log_loss": stats.bernoulli.logpmf, "brier": lambda y, q: -((y - q) ** 2)}[metric.name]
    losses = [-p(pair.labels, one) for one in (pair.candidate, pair.champion)]
    statistic, _ = stats.ttest_rel(*losses)
    assert found.value == pytest.approx(
        metric(pair.labels, pair.candidate) - metric(pair.labels, pair.champion)
    )
    # The champion is calibrated, so what it foresees and what is found are about the same.
    assert found.error >= stats.sem(losses[0] - losses[1]) * 0.999
    assert found.value / found.error == pytest.approx(statistic, rel=0.08)


def test_a_gain_that_only_luck_explains_proves_nothing() -> None:
    """Of 100 customers with a chance of 2 %, none leaves in one sample of eight."""
    champion = np.append(np.full(100, 0.02), np.full(1300, 0.3))
    candidate = np.append(np.full(100, 1e-6), np.full(1300, 0.3))
    labels = np.append(np.zeros(100), np.arange(1300) < 390).astype(int)
    losses = stats.bernoulli.logpmf(labels, champion) - stats.bernoulli.logpmf(labels, candidate)
    assert abs(losses.mean()) > 5 * stats.sem(losses)
    found = loss_difference("log_loss", labels, candidate, champion)
    assert found.value < 0
    assert found.p_below(0.0) > 0.3


def test_every_comparable_metric_has_replicates() -> None:
    pair = duel(better_by=0.004).draw(400, 0)
    for name in COMPARABLE:
        found = pair.difference(name)
        assert np.isfinite([found.value, found.error]).all(), name
        assert found.interval(0.8).low <= found.value <= found.interval(0.8).high
    drawn = paired_replicates(pair.labels, pair.candidate, pair.champion, METRICS["pr_auc"])
    assert drawn.interval(0.95) == paired_bootstrap(
        pair.labels, pair.candidate, pair.champion, METRICS["pr_auc"]
    )


# the world of the simulations


@pytest.mark.parametrize("better", [-0.004, 0.0, 0.01])
def test_the_simulated_world_is_as_good_as_it_says(better: float) -> None:
    world = duel(better_by=better)
    pair = world.draw(400_000, 1)
    for who, p in (("candidate", pair.candidate), ("champion", pair.champion)):
        assert log_loss(pair.labels, p) == pytest.approx(world.log_loss(who), abs=0.003)
        assert roc_auc(pair.labels, p) == pytest.approx(world.roc_auc(who), abs=0.003)
    found = loss_difference("log_loss", pair.labels, pair.candidate, pair.champion)
    assert found.value == pytest.approx(-better, abs=4 * found.error)
    assert world.log_loss("champion") - world.log_loss("candidate") == pytest.approx(better, abs=1e-9)


def test_a_world_by_its_auc() -> None:
    for apart, better in itertools.product((0.15, 0.3), (-0.003, 0.005)):
        world = duel("roc_auc", better, apart)
        assert world.roc_auc("candidate") - world.roc_auc("champion") == pytest.approx(better, abs=1e-9)
    with pytest.raises(ValueError, match="only"):
        duel(better_by=0.2)
