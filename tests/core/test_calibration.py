"""Calibration: each method against its law, the choice between them, and the curve in the graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from churn_core.bundle.manifest import Calibration
from churn_core.bundle.reasons import closed
from churn_core.bundle.session import Graph, SharesGraph
from churn_core.train.blend import blended_log_odds, probabilities
from churn_core.train.calibrate import (
    METHODS,
    calibrate,
    calibrated,
    calibrated_odds,
    choose_calibration,
    fit_calibration,
)
from churn_core.train.export import export_graph
from churn_core.train.parity import TOLERANCE
from churn_core.train.reasons import export_reasons
from tests.support.reasons import brute_force, customers, encoder_of, member, score

Law = Callable[[np.ndarray], np.ndarray]

BETA = Calibration(method="beta", slope=0.7, intercept=-0.4, bend=0.6)

LAWS: dict[str, Law] = {
    "none": lambda s: s,
    "platt": lambda s: 1.3 * s - 0.4,
    "beta": lambda s: calibrated_odds(BETA, s),
}


def drawn(law: Law, rows: int = 6000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.2, 1.5, rows)
    return odds, (rng.random(rows) < probabilities(law(odds))).astype(np.int64)


def test_beta_is_a_logistic_regression_on_both_logarithms() -> None:
    odds, labels = drawn(LAWS["beta"], 60_000)
    found = fit_calibration("beta", odds, labels)
    p = probabilities(odds)
    other: Any = LogisticRegression(C=1e8, tol=1e-8).fit(np.column_stack([np.log(p), -np.log1p(-p)]), labels)
    a, b = other.coef_[0]
    assert (found.slope, found.slope + found.bend) == pytest.approx((a, b), abs=1e-3)
    assert found.intercept == pytest.approx(other.intercept_[0], abs=1e-3)
    assert (a, b) == pytest.approx((0.7, 1.3), abs=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_curve_that_would_fall_is_level_instead(sign: int) -> None:
    """Outcomes that grow rarer at one end: the weight of that end is 0, the other one is fitted alone."""
    odds, labels = drawn(lambda s: 0.8 * s * (sign * s < 0) - 0.8 * s * (sign * s > 0) - 1, 20_000)
    found = fit_calibration("beta", sign * odds, labels)
    p = calibrated(found, np.linspace(-6, 6, 200))
    assert (np.diff(p) >= -1e-12).all()
    assert min(found.slope, found.slope + found.bend) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_simplest_method_that_is_not_worse_is_chosen(method: str) -> None:
    found = choose_calibration(*drawn(LAWS[method]), seed=0)
    assert found.method == method
    assert [row.method for row in found.compared] == list(METHODS)
    best = min(row.log_loss for row in found.compared)
    for row in found.compared:
        assert row.behind == pytest.approx(row.log_loss - best, abs=1e-12)
    chosen = METHODS.index(method)
    assert found.compared[chosen].behind <= found.compared[chosen].standard_error
    assert all(row.behind > row.standard_error for row in found.compared[:chosen])


def test_auto_is_that_choice_and_repeats_itself_for_any_seed() -> None:
    odds, labels = drawn(LAWS["platt"], 800)
    for seed in (0, 2**32 - 1):
        assert calibrate("auto", odds, labels, seed) == choose_calibration(odds, labels, seed)
    assert calibrate("beta", odds, labels, 0) == fit_calibration("beta", odds, labels)
    assert not calibrate("platt", odds, labels, 0).compared


def test_what_older_bundles_do_not_have_is_not_written() -> None:
    content = json.loads(Calibration(method="platt", slope=1.3, intercept=-0.4).model_dump_json())
    assert content == {"method": "platt", "slope": 1.3, "intercept": -0.4}
    chosen = choose_calibration(*drawn(LAWS["beta"]), seed=0)
    assert Calibration.model_validate_json(chosen.model_dump_json()) == chosen


def test_the_curve_in_the_graph_is_exact_for_one_row_as_for_many() -> None:
    members, encoder = [member("lr", weight=0.5), member("gbc", weight=0.5)], encoder_of()
    matrix = encoder.encode(customers(1500, seed=3))
    graph = Graph(export_graph(members, BETA, len(encoder.names)), len(encoder.names))
    served = graph(matrix)
    fitted = calibrated(BETA, blended_log_odds(members, matrix))
    assert np.abs(served - fitted).max() < TOLERANCE / 4
    assert np.array_equal(served, np.concatenate([graph(row[None]) for row in matrix]))


@pytest.mark.parametrize("name", ["lr", "gbc"])
def test_shares_follow_the_curve_and_add_up(name: str) -> None:
    members, encoder = [member(name)], encoder_of()
    columns = len(encoder.names)
    graph = export_graph(members, BETA, columns)
    reasons, about = export_reasons(members, BETA, encoder, customers(300), graph)
    asked = customers(8, seed=5)
    matrix = encoder.encode(asked)
    served = Graph(graph, columns)(matrix)
    shares = closed(SharesGraph(reasons, columns, 5)(matrix), about.base, served)
    p = served.astype(np.float64)
    assert np.abs(about.base + shares.sum(axis=1) - (np.log(p) - np.log1p(-p))).max() < 1e-9

    straight = score(members, encoder, Calibration(method="none", slope=1.0, intercept=0.0))
    odds = lambda values: calibrated_odds(BETA, straight(values))  # noqa: E731
    by_hand = np.array([brute_force(odds, row, customers(300).values) for row in asked.values])
    assert np.sqrt(np.mean((shares - by_hand) ** 2)) < 0.05 * np.sqrt(np.mean(by_hand**2))
    assert about.base == pytest.approx(odds(customers(300).values).mean(), abs=1e-5)
    assert 0.01 < about.gap < 0.2
