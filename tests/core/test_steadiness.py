"""How much fits differ, and that intervals hold where they differ a lot."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from churn_core.bundle.band import BandReader
from churn_core.protocols import Member, TrainingData
from churn_core.train.band import fit_band, neighbours
from churn_core.train.blend import log_odds, probabilities, to_log_odds
from churn_core.train.calibrate import calibrated_odds, fit_calibration
from churn_core.train.evaluation.sureness import agrees
from churn_core.train.folds import stratified_folds
from churn_core.train.steadiness import shift_between_fits, spread_of_fits

ROWS = 1200


@pytest.mark.parametrize("tau", [0.0, 0.1, 0.3])
def test_the_variance_between_fits_is_found_without_outcomes(tau: float) -> None:
    """Each fit is off by its own smooth curve, and by noise for each customer."""
    found: list[float] = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        place = rng.normal(size=5000)
        first, second = (
            place + 0.1 * rng.normal(size=5000) + _errors(rng, tau, place, rng.integers(0, 5, 5000))
            for _ in range(2)
        )
        found.append(shift_between_fits(first, second, 5, 290) ** 2)
    # One more fit beside the mean of five: tau^2 (1 + 1/5).
    assert np.mean(found) == pytest.approx(1.2 * tau**2, rel=0.2, abs=1e-4)


def _errors(rng: np.random.Generator, tau: float, place: np.ndarray, fold: np.ndarray) -> np.ndarray:
    phase = rng.uniform(0, 2 * np.pi, 5)[fold]
    return tau * np.sqrt(2) * np.cos(place + phase)


def test_what_folds_leave_out_cancels_as_it_does_in_the_fit_of_all() -> None:
    """Fits that are off by what they miss: their mean is the fit of all, so nothing is to be added."""
    rng = np.random.default_rng(0)
    place = rng.normal(size=5000)
    first, second = (
        place + 0.3 * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[rng.permutation(np.arange(5000) % 5)]
        for _ in range(2)
    )
    assert shift_between_fits(first, second, 5, 290) < 0.05


def drawn(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(rows, 6)).astype(np.float32)
    odds = -1.3 + 0.9 * x[:, 0] - 0.6 * x[:, 1] + 0.25 * x[:, 0] * (x[:, 4] > 0) + 0.4 * np.sin(2 * x[:, 2])
    return x, probabilities(odds.astype(np.float64))


def trained(estimator: object, seed: int) -> tuple[Member, TrainingData]:
    rng = np.random.default_rng(seed)
    x, chance = drawn(rng, ROWS)
    labels = (rng.random(ROWS) < chance).astype(np.int64)
    data = TrainingData(x, labels, stratified_folds(labels, 5, 0), tuple("abcdef"), 0)
    out_of_fold = np.empty(ROWS)
    for k in range(5):
        test = data.fold == k
        out_of_fold[test] = estimator.fit(x[~test], labels[~test]).predict_proba(x[test])[:, 1]  # type: ignore[attr-defined]
    return Member("any", estimator.fit(x, labels), 1.0, out_of_fold), data  # type: ignore[attr-defined]


def covered(estimator: object, heeding: bool, splits: int) -> float:
    """Share of twentieths of new customers whose true rate their interval holds, in the order of training."""
    new, true = drawn(np.random.default_rng(10**6), 20_000)
    found: list[bool] = []
    for seed in range(splits):
        member, data = trained(estimator, seed)
        odds = to_log_odds(member.out_of_fold)
        platt = fit_calibration("platt", odds, data.labels)
        spread = spread_of_fits([member], platt, odds, data) if heeding else 0.0
        band = BandReader(fit_band(calibrated_odds(platt, odds), data.labels, 0.9, spread))
        p = probabilities(calibrated_odds(platt, log_odds(member.estimator, new)))
        for rows in np.array_split(np.argsort(p, kind="stable"), 20):
            low, high = band(p[rows].mean(keepdims=True))[:, 0].tolist()
            rate, noise = (
                float(true[rows].mean()),
                1.645 * float(np.std(true[rows] - p[rows])) / len(rows) ** 0.5,
            )
            found.append(agrees((low, high), (rate, rate - noise, rate + noise)))
    return float(np.mean(found))


def test_where_fits_differ_intervals_hold_because_they_know() -> None:
    tree = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=30, random_state=0)
    assert covered(tree, False, 60) < 0.8
    assert covered(tree, True, 60) == pytest.approx(0.9, abs=0.05)


def test_where_fits_agree_intervals_hold_as_often_as_they_say() -> None:
    assert covered(LogisticRegression(), True, 60) == pytest.approx(0.9, abs=0.025)


def test_steady_models_have_less_spread() -> None:
    def spread(estimator: object) -> float:
        member, data = trained(estimator, 3)
        odds = to_log_odds(member.out_of_fold)
        return spread_of_fits([member], fit_calibration("none", odds, data.labels), odds, data)

    steady, unsteady = (
        spread(LogisticRegression()),
        spread(DecisionTreeClassifier(max_leaf_nodes=12, random_state=0)),
    )
    assert steady < 0.15 < unsteady


def test_spread_makes_intervals_wider_and_none_leaves_them() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 1.3, 3000)
    labels = (rng.random(3000) < probabilities(odds)).astype(np.int64)
    plain, wide = (fit_band(odds, labels, 0.9, spread) for spread in (0.0, 0.3))
    assert plain == fit_band(odds, labels, 0.9)
    assert b'"spread"' not in plain.model_dump_json().encode()
    assert wide.spread == 0.3
    assert all(high <= more for high, more in zip(plain.high, wide.high, strict=True))
    assert all(low >= less for low, less in zip(plain.low, wide.low, strict=True))
    assert neighbours(3000) == 208
