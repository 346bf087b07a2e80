"""Metrics: equal to scikit-learn, to brute force, and to repeated rows; explicit where undefined."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from churn_core.bundle import decision_policy
from churn_core.errors import DataError
from churn_core.gate.metrics import (
    METRICS,
    Metric,
    Sample,
    brier,
    calibration_intercept,
    calibration_slope,
    confusion,
    decision_metrics,
    gain,
    lift,
    log_loss,
    logit,
    pr_auc,
    roc_auc,
    spiegelhalter_p,
    spiegelhalter_z,
    top_rate,
)
from churn_core.params import CostParams

POLICY = decision_policy(CostParams(threshold=0.4))
ALL = {**METRICS, **decision_metrics(POLICY), "gain_30": gain(30), "top_rate_20": top_rate(20)}

Drawn = tuple[np.ndarray, np.ndarray]


@st.composite
def samples(draw: st.DrawFn, most: int = 40) -> Drawn:
    """Labels of both classes, and probabilities with many ties, 0 and 1 among them."""
    rows = draw(st.integers(2, most))
    labels = draw(
        st.lists(st.integers(0, 1), min_size=rows, max_size=rows).filter(lambda y: 0 < sum(y) < rows)
    )
    steps = draw(st.sampled_from([1, 4, 10, 1000]))
    places = draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows))
    return np.array(labels), np.array(places) / steps


def realistic(rows: int = 3000, seed: int = 0) -> Drawn:
    """Outcomes drawn from the probabilities themselves: perfectly calibrated, with ties."""
    rng = np.random.default_rng(seed)
    p = np.round(1 / (1 + np.exp(-rng.normal(-1.2, 1.3, rows))), 2).clip(0.01, 0.99)
    return (rng.random(rows) < p).astype(int), p


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        (roc_auc, sk.roc_auc_score),
        (pr_auc, sk.average_precision_score),
        (log_loss, lambda y, p: sk.log_loss(y, p, labels=[0, 1])),
        (brier, sk.brier_score_loss),
    ],
)
@given(drawn=samples())
def test_equal_to_scikit_learn(metric: Metric, reference: Callable[..., float], drawn: Drawn) -> None:
    assert metric(*drawn) == pytest.approx(reference(*drawn), rel=1e-12, abs=1e-12)


@given(drawn=samples(), threshold=st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0]))
def test_decisions_equal_scikit_learn(drawn: Drawn, threshold: float) -> None:
    labels, probabilities = drawn
    predicted = probabilities >= threshold
    found = decision_metrics(decision_policy(CostParams(threshold=threshold)))
    assert found["accuracy"](*drawn) == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["recall"](*drawn) == pytest.approx(sk.recall_score(labels, predicted))
    assert found["f1"](*drawn) == pytest.approx(sk.f1_score(labels, predicted))
    if predicted.any():
        assert found["precision"](*drawn) == pytest.approx(sk.precision_score(labels, predicted))
    else:
        assert math.isnan(found["precision"](*drawn))
    sample = Sample(*drawn)
    cells = confusion(sample, sample.counts(), threshold)
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, predicted, labels=[0, 1])
    assert (cells.true_positives[0], cells.false_positives[0]) == (tp, fp)
    assert (cells.false_negatives[0], cells.true_negatives[0]) == (fn, tn)


@given(drawn=samples(12))
def test_roc_auc_equals_the_share_of_pairs_in_order(drawn: Drawn) -> None:
    labels, p = drawn
    pairs = list(product(p[labels == 1], p[labels == 0]))
    assert roc_auc(labels, p) == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a, b in pairs]))


@given(drawn=samples(6), percent=st.sampled_from([10, 20, 50, 100]))
def test_gain_is_the_mean_over_all_orders_of_equal_probabilities(drawn: Drawn, percent: int) -> None:
    labels, p = drawn
    wanted = percent / 100 * len(p)
    whole = int(wanted)
    found = []
    for order in permutations(range(len(p))):
        if all(p[a] >= p[b] for a, b in pairwise(order)):
            ranked = labels[list(order)]
            found.append(ranked[:whole].sum() + (wanted - whole) * (ranked[whole] if whole < len(p) else 0))
    expected = np.mean(found) / labels.sum()
    assert gain(percent)(labels, p) == pytest.approx(expected)
    assert lift(percent)(labels, p) == pytest.approx(expected / (percent / 100))
    assert top_rate(percent)(labels, p) == pytest.approx(np.mean(found) / wanted)


@given(drawn=samples())
def test_profit_adds_up_over_customers(drawn: Drawn) -> None:
    labels, p = drawn
    each = np.where(labels == 1, POLICY.gain, -POLICY.loss) * (p >= POLICY.threshold)
    assert decision_metrics(POLICY)["profit"](labels, p) == pytest.approx(each.mean())


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
@given(drawn=samples(15), data=st.data())
def test_counts_are_repeated_rows(metric: Metric, drawn: Drawn, data: st.DataObject) -> None:
    labels, p = drawn
    # Log-odds of exactly 0 and 1 are cut off, far out, where a fit on a few rows may end anywhere.
    p = np.clip(p, 0.001, 0.999)
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(p), max_size=len(p))))
    assume(0 < labels @ counts < counts.sum())
    once, repeated = metric(labels, p, counts), metric(np.repeat(labels, counts), np.repeat(p, counts))
    assert once == pytest.approx(repeated, rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
def test_many_resamples_at_once_equal_one_by_one(metric: Metric) -> None:
    labels, p = realistic(300)
    counts = np.random.default_rng(1).poisson(1.0, (20, 300))
    sample = Sample(labels, p)
    together = metric.replicates(sample, sample.counts(counts))
    assert together == pytest.approx([metric(labels, p, row) for row in counts], rel=1e-9)


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
def test_the_order_of_customers_does_not_matter(metric: Metric) -> None:
    labels, p = realistic(500)
    shuffled = np.random.default_rng(2).permutation(500)
    assert metric(labels[shuffled], p[shuffled]) == pytest.approx(metric(labels, p), rel=1e-9)


def test_calibration_equals_logistic_regression() -> None:
    labels, p = realistic()
    skewed = 1 / (1 + np.exp(-(1.7 * logit(p) + 0.4)))
    fitted = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(logit(skewed)[:, None], labels)
    assert calibration_slope(labels, skewed) == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    a = calibration_intercept(labels, skewed)
    shifted = 1 / (1 + np.exp(-(logit(skewed) + a)))
    assert shifted.mean() == pytest.approx(labels.mean(), abs=1e-9)  # its likelihood equation


def test_calibration_tells_faults_apart() -> None:
    labels, p = realistic(20_000)
    assert calibration_slope(labels, p) == pytest.approx(1, abs=0.06)
    assert calibration_intercept(labels, p) == pytest.approx(0, abs=0.06)
    extreme = 1 / (1 + np.exp(-2 * logit(p)))
    assert calibration_slope(labels, extreme) == pytest.approx(0.5, abs=0.03)
    low = 1 / (1 + np.exp(-(logit(p) - 0.5)))
    assert calibration_intercept(labels, low) == pytest.approx(0.5, abs=0.06)
    assert spiegelhalter_p(spiegelhalter_z(labels, low)) < 1e-6


def test_spiegelhalters_z_is_standard_normal_under_calibration() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(1, 3, 800)
    z = np.array([spiegelhalter_z((rng.random(800) < p).astype(int), p) for _ in range(2000)])
    assert abs(z.mean()) < 0.08
    assert z.std() == pytest.approx(1, abs=0.05)
    assert np.mean([spiegelhalter_p(value) < 0.05 for value in z]) == pytest.approx(0.05, abs=0.015)
    by_hand = np.sum((1 - p) * (1 - 2 * p)) / np.sqrt(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    assert spiegelhalter_z(np.ones(800, int), p) == pytest.approx(by_hand)
    assert spiegelhalter_p(1.959964) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_undefined_for_rankings_and_fits(label: int) -> None:
    labels, p = np.full(20, label), np.linspace(0.1, 0.9, 20)
    for metric in (roc_auc, pr_auc, calibration_slope, calibration_intercept):
        assert math.isnan(metric(labels, p)), metric.name
    assert math.isfinite(brier(labels, p))
    assert math.isfinite(log_loss(labels, p))
    assert math.isnan(gain(10)(labels, p)) == (label == 0)


def test_constant_predictions() -> None:
    labels, p = np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 0]), np.full(10, 0.3)
    assert roc_auc(labels, p) == 0.5
    assert pr_auc(labels, p) == pytest.approx(0.3)
    assert lift(10)(labels, p) == pytest.approx(1)
    assert math.isnan(calibration_slope(labels, p))
    assert calibration_intercept(labels, p) == pytest.approx(0, abs=1e-9)


def test_a_resample_of_equal_probabilities_has_no_slope() -> None:
    labels, p = np.array([0, 1, 0, 1]), np.array([0.2, 0.2, 0.7, 0.7])
    sample = Sample(labels, p)
    slopes = calibration_slope.replicates(sample, sample.counts([[2, 2, 0, 0], [1, 1, 1, 1], [0, 0, 1, 3]]))
    assert np.isnan(slopes).tolist() == [True, False, True]


def test_perfect_separation_has_no_slope() -> None:
    labels, p = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert roc_auc(labels, p) == pr_auc(labels, p) == 1
    assert math.isnan(calibration_slope(labels, p))


def test_probabilities_of_exactly_0_and_1() -> None:
    labels, p = np.array([0, 1, 1, 0, 1, 0]), np.array([0.0, 1.0, 0.0, 1.0, 0.6, 0.4])
    assert log_loss(labels, p) == pytest.approx(sk.log_loss(labels, p))
    assert math.isfinite(calibration_slope(labels, p))
    assert math.isnan(spiegelhalter_z(np.array([0, 1]), np.array([0.0, 1.0])))


def test_nobody_flagged_has_no_precision() -> None:
    found = decision_metrics(decision_policy(CostParams(threshold=0.99)))
    labels, p = np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3])
    assert math.isnan(found["precision"](labels, p))
    assert found["recall"](labels, p) == found["f1"](labels, p) == found["profit"](labels, p) == 0


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], [], "of one length"),
        ([0, 1], [0.5], "of one length"),
        ([[0, 1]], [[0.5, 0.5]], "of one length"),
        ([0, 2], [0.5, 0.5], "labels must be 0 or 1"),
        ([0, 1], [0.5, 1.5], "between 0 and 1"),
        ([0, 1], [0.5, float("nan")], "between 0 and 1"),
    ],
)
def test_impossible_samples_are_refused(labels: Any, probabilities: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        roc_auc(labels, probabilities)


def test_labels_may_be_booleans() -> None:
    labels, p = realistic(100)
    assert roc_auc(labels.astype(bool), p.astype(np.float32)) == pytest.approx(roc_auc(labels, p))


def test_metrics_are_named_by_their_keys() -> None:
    assert all(metric.name == name for name, metric in {**METRICS, **decision_metrics(POLICY)}.items())
    assert METRICS["log_loss"].higher_is_better is False
    assert METRICS["calibration_slope"].target == 1
    assert pickle.loads(pickle.dumps(METRICS["roc_auc"])) == METRICS["roc_auc"]
