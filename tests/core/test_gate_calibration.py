"""The check `calibration`: refuses what is wrong, and nobody by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats
from scipy.special import expit, logit

from benchmarks.gate.simulate import duel, world
from churn_core.errors import DataError
from churn_core.gate import Evidence, contender
from churn_core.gate.checks.calibration import Calibration, Deviation
from churn_core.gate.metrics import calibration_slope, spiegelhalter_p, spiegelhalter_z
from churn_core.params import GateParams
from tests.support.bundles import logistic_bundle
from tests.support.gate import evaluation, opened

Floats = NDArray[np.float64]
CHECK = Calibration(draws=150)


def refused(change: Callable[[Floats], Floats], rows: int, times: int, check: Calibration = CHECK) -> float:
    """Share of samples in which the champion's probabilities are refused after a change."""
    found = 0
    for seed in range(times):
        pair = world("ibm-telco" if seed % 2 else "telcovision").draw(rows, seed)
        found += check.judge(pair.labels.astype(float), change(pair.champion)).status == "fail"
    return found / times


@pytest.mark.parametrize("rows", [120, 400])
def test_a_calibrated_model_is_hardly_ever_refused(rows: int) -> None:
    assert refused(lambda p: p, rows, 40) <= 0.05


@pytest.mark.parametrize(
    "edge",
    [
        pytest.param(lambda p: expit(logit(p) / 0.8), id="too extreme, as far as is allowed"),
        pytest.param(lambda p: expit(logit(p) * 0.8), id="too timid, as far as is allowed"),
        pytest.param(lambda p: expit(logit(p) + 0.2), id="too high, as far as is allowed"),
    ],
)
def test_nor_is_one_at_the_edge_of_what_is_allowed(edge: Callable[[Floats], Floats]) -> None:
    assert refused(edge, 500, 20) <= 0.05


def test_without_any_tolerance_the_risk_is_the_stated_one() -> None:
    """The hardest case: nothing but chance stands between a calibrated model and refusal."""
    strict = Calibration(slope=(1, 1), intercept=(0, 0), brier_excess=0, curve_excess=0, draws=150)
    assert 0.01 <= refused(lambda p: p, 150, 100, strict) <= 0.08


WRONG: dict[str, Callable[[Floats], Floats]] = {
    "squared": lambda p: p**2,
    "the root of it": np.sqrt,
    "churners oversampled": lambda p: expit(logit(p) + 1.0),
    "far too extreme": lambda p: expit(1.8 * logit(p)),
    "far too timid": lambda p: expit(0.5 * logit(p)),
    "the lower half pressed down": lambda p: np.where(p < 0.4, p * 0.4, p),
    "ranks": lambda p: (stats.rankdata(p) - 0.5) / len(p),
}


@pytest.mark.parametrize("kind", WRONG)
def test_monotone_maps_are_refused(kind: str) -> None:
    assert refused(WRONG[kind], 1409, 3) == 1.0


def test_large_samples_do_not_refuse_for_a_trifle() -> None:
    pair = world().draw(10_000, 0)
    result = Calibration(draws=150).judge(pair.labels.astype(float), expit(1.08 * logit(pair.champion)))
    assert result.status == "pass"
    assert result.numbers["spiegelhalter_p"] < 0.05  # beyond doubt, and without weight


def test_the_null_of_z_is_spiegelhalters() -> None:
    """Where the normal approximation holds, both agree; the simulated one holds always."""
    pair = duel().draw(1500, 5)
    labels = pair.labels.astype(float)
    numbers = Calibration(draws=600).judge(labels, pair.champion).numbers
    z = spiegelhalter_z(labels, pair.champion)
    assert numbers["spiegelhalter_z"] == pytest.approx(z)
    assert numbers["spiegelhalter_p"] == pytest.approx(spiegelhalter_p(z), abs=0.04)


def test_numbers_have_the_interval_that_chance_leaves() -> None:
    pair = duel().draw(1409, 1)
    result = Calibration().judge(pair.labels.astype(float), pair.champion)
    slope = result.intervals["calibration_slope"]
    assert slope.value == pytest.approx(calibration_slope(pair.labels, pair.champion))
    assert slope.low < slope.value < slope.high
    assert 0.15 < slope.high - slope.low < 0.35
    assert set(result.intervals) == set(result.thresholds)
    assert Calibration().judge(pair.labels.astype(float), pair.champion) == result


def test_distance_is_measured_from_the_edge() -> None:
    null = np.linspace(-1, 1, 201)
    for value, p in ((0.0, 1.0), (0.5, 1.0), (0.75, 0.38), (-0.75, 0.38), (2.0, 1 / 202)):
        one = Deviation("one", "One", value, null, 0.0, (-0.5, 0.5))
        assert one.p_value() == pytest.approx(p, abs=0.01)
    double = Deviation("one", "One", 2.5, np.exp(null), 1.0, (0.5, 2.0), ratio=True)
    half = Deviation("one", "One", 0.4, np.exp(null), 1.0, (0.5, 2.0), ratio=True)
    assert double.p_value() == pytest.approx(half.p_value(), abs=1 / 202)


def test_a_constant_has_no_calibration(tmp_path) -> None:
    constant = opened(logistic_bundle(tmp_path, weights={}, intercept=-1.0).folder)
    data = evaluation(constant, rows=300)
    result = Calibration().check(Evidence(contender(constant), None, data, GateParams()))
    assert result.status == "fail"
    assert "All customers have the same probability, 0.269" in result.sentence


def test_wrong_ranges_are_refused() -> None:
    for options in ({"slope": (1.2, 0.9)}, {"slope": (0.0, 1.2)}, {"intercept": (0.1, -0.1)}, {"draws": 10}):
        with pytest.raises(ValidationError):
            Calibration.model_validate(options)


def test_outcomes_that_follow_without_exception_are_named() -> None:
    labels = np.repeat((0.0, 1.0), 300)
    with pytest.raises(DataError, match="without exception"):
        Calibration().judge(labels, np.linspace(0.01, 0.99, 600))
