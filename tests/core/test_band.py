"""Intervals of probabilities: they hold the truth as often as they say, through every door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from churn_core.bundle import Bundle, Manifest, Scorer, with_policy
from churn_core.bundle.band import BandReader, ProbabilityBand
from churn_core.errors import BundleError, ParamsError
from churn_core.params import CostParams, changed_costs, read_params
from churn_core.schemas import ChurnPrediction, IbmTelcoCustomer
from churn_core.testing import customers
from churn_core.train import run
from churn_core.train.band import fit_band
from churn_core.train.blend import probabilities, to_log_odds
from churn_core.train.calibrate import fit_calibration
from churn_core.train.folds import stratified_folds
from tests.support.bundles import logistic_bundle
from tests.support.training import prepared_project

EXAMPLE = IbmTelcoCustomer.spec.example()
BAND = ProbabilityBand(
    coverage=0.9,
    neighbours=50,
    probabilities=(0.0, 0.2, 0.5, 0.9, 1.0),
    low=(0.0, 0.15, 0.42, 0.85, 1.0),
    high=(0.0, 0.26, 0.57, 0.93, 1.0),
)

Truth = Callable[[np.ndarray], np.ndarray]
SHAPES: dict[str, Truth] = {
    "as the scores say": probabilities,
    "steeper": lambda s: probabilities(1.7 * s - 0.5),
    "all alike": lambda s: np.full_like(s, 0.25),
    "wavy": lambda s: probabilities(s + 0.35 * np.sin(2 * s)),
    "level, then rising": lambda s: np.where(s < 0, 0.08, 0.08 + 0.8 * (1 - np.exp(-np.maximum(s, 0)))),
}


def covered(truth: Truth, rows: int, coverage: float, splits: int) -> float:
    """Share of new customers whose true churn rate lies in the interval, over many training samples."""
    found: list[float] = []
    for seed in range(splits):
        rng = np.random.default_rng(seed)
        scores, new = rng.normal(-1.2, 1.3, rows), rng.normal(-1.2, 1.3, 500)
        labels = (rng.random(rows) < truth(scores)).astype(np.int64)
        platt = fit_calibration("platt", scores, labels)
        band = BandReader(fit_band(platt.slope * scores + platt.intercept, labels, coverage))
        low, high = band(probabilities(platt.slope * new + platt.intercept))
        found.append(float(np.mean((low <= truth(new)) & (truth(new) <= high))))
    return float(np.mean(found))


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_coverage_is_within_two_points_of_what_is_stated(coverage: float) -> None:
    assert covered(SHAPES["as the scores say"], 1400, coverage, 400) == pytest.approx(coverage, abs=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_coverage_does_not_hang_on_the_calibration(shape: str) -> None:
    """Whether the calibrated curve has the right shape or not: two points, and 1.5 for what splits vary."""
    assert covered(SHAPES[shape], 1400, 0.9, 100) == pytest.approx(0.9, abs=0.035)


def drawn(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Customers and their true probabilities, which no linear model meets exactly."""
    x = rng.normal(size=(rows, 6))
    odds = -1.3 + 0.9 * x[:, 0] - 0.6 * x[:, 1] + 0.25 * x[:, 0] * (x[:, 4] > 0) + 0.4 * np.sin(2 * x[:, 2])
    return x, probabilities(odds)


def test_coverage_for_the_final_model_from_its_folds() -> None:
    """As in training: scores out of fold make the band, a model of all rows is asked about new customers."""
    new, true = drawn(np.random.default_rng(10**6), 20_000)
    found: list[float] = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, chance = drawn(rng, 1200)
        labels = (rng.random(1200) < chance).astype(np.int64)
        fold = stratified_folds(labels, 5, 0)
        odds = np.empty(1200)
        for k in range(5):
            odds[fold == k] = _odds(x[fold != k], labels[fold != k], x[fold == k])
        platt = fit_calibration("platt", odds, labels)
        band = BandReader(fit_band(platt.slope * odds + platt.intercept, labels, 0.9))
        p = probabilities(platt.slope * _odds(x, labels, new) + platt.intercept)
        order = np.argsort(p)
        alike = true[order].reshape(100, -1).mean(axis=1)  # the true rate of each percent that scores alike
        low, high = band(p[order].reshape(100, -1).mean(axis=1))
        found.append(float(np.mean((low <= alike) & (alike <= high))))
    assert np.mean(found) == pytest.approx(0.9, abs=0.02)


def _odds(x: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    chance: Any = LogisticRegression().fit(x, labels).predict_proba(new)
    return to_log_odds(chance[:, 1])


def test_more_customers_and_less_coverage_make_it_narrower() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(-1, 1.3, 8000)
    labels = (rng.random(8000) < probabilities(scores)).astype(np.int64)

    def width(rows: int, coverage: float) -> float:
        low, high = BandReader(fit_band(scores[:rows], labels[:rows], coverage))(np.linspace(0.05, 0.7, 50))
        return float(np.mean(high - low))

    assert width(8000, 0.9) < width(1000, 0.9) < width(1000, 0.95)
    assert width(8000, 0.9) < 0.08


@given(
    rows=st.integers(2, 60),
    spread=st.sampled_from([0.0, 1e-9, 1.0, 40.0]),
    rate=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 50),
)
def test_bounds_are_sane_on_any_sample(rows: int, spread: float, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=rows) * spread
    band = fit_band(odds, (rng.random(rows) < rate).astype(np.int64), 0.9)
    knots = np.array(band.probabilities)
    assert (knots[0], knots[-1]) == (0, 1)
    assert (np.diff(knots) > 0).all()
    asked = np.append(rng.random(200), (0.0, 1.0, 0.5))
    low, high = BandReader(band)(asked)
    assert ((low >= 0) & (low <= high) & (high <= 1)).all()
    assert 1 <= band.neighbours <= rows + 1


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return logistic_bundle(tmp_path_factory.mktemp("bundle"), band=BAND)


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def test_an_answer_says_how_sure_it_is_when_asked(scorer: Scorer) -> None:
    plain, sure = scorer.predict(EXAMPLE), scorer.predict(EXAMPLE, interval=True)
    assert plain.interval is None
    assert "interval" not in json.loads(plain.model_dump_json())
    assert sure.model_copy(update={"interval": None}) == plain
    assert sure.interval is not None
    p = sure.churn_probability
    assert 0.5 < p < 0.9
    assert sure.interval.low == pytest.approx(np.interp(p, BAND.probabilities, BAND.low))
    assert sure.interval.high == pytest.approx(np.interp(p, BAND.probabilities, BAND.high))
    assert sure.interval.coverage == 0.9
    assert ChurnPrediction.model_validate_json(sure.model_dump_json()) == sure


@given(rows=st.lists(customers(IbmTelcoCustomer), min_size=1, max_size=8))
def test_every_door_gives_the_same_bits(scorer: Scorer, rows: list[Any]) -> None:
    single = [scorer.predict(row, explain=False, interval=True) for row in rows]
    assert scorer.predict_many(rows, interval=True) == single
    arrow = scorer.score_arrow(pa.Table.from_pylist([row.model_dump() for row in rows]), interval=True)
    bounds = zip(arrow["probability_low"].to_pylist(), arrow["probability_high"].to_pylist(), strict=True)
    assert list(bounds) == [(one.interval.low, one.interval.high) for one in single if one.interval]


def test_refused_rows_have_no_bounds(scorer: Scorer) -> None:
    table = pa.Table.from_pylist([EXAMPLE, {**EXAMPLE, "tenure_months": -1}])
    scored = scorer.score_arrow(table, interval=True)
    assert [low is None for low in scored["probability_low"].to_pylist()] == [False, True]
    assert not {"probability_low", "probability_high"} & set(scorer.score_arrow(table).schema.names)


def test_a_bundle_that_does_not_know_says_so(tmp_path: Path) -> None:
    scorer = Scorer(logistic_bundle(tmp_path))
    assert b'"band"' not in scorer.bundle.to_bytes()
    for ask in (
        lambda: scorer.predict(EXAMPLE, interval=True),
        lambda: scorer.predict_many([EXAMPLE], interval=True),
        lambda: scorer.score_arrow(pa.Table.from_pylist([EXAMPLE]), interval=True),
    ):
        with pytest.raises(BundleError, match="was trained without intervals: train it again"):
            ask()


def test_another_policy_leaves_the_intervals_as_they_are(bundle: Bundle) -> None:
    changed = with_policy(bundle, changed_costs(CostParams(), ["offer_cost=30"]))
    assert changed.manifest.band == BAND
    assert Manifest.from_bytes(changed.manifest.to_bytes()).band == BAND


def test_training_writes_a_band(tmp_path: Path) -> None:
    project = prepared_project(tmp_path, rows=400)
    params = read_params(tmp_path / "params.yaml", ["train.interval=0.8"])
    trained = run(params, project.root).manifest
    assert trained.band is not None
    assert trained.band.coverage == 0.8
    low, high = BandReader(trained.band)(np.array([trained.lineage.churn_rate]))
    assert low[0] < trained.lineage.churn_rate < high[0]
    with pytest.raises(ParamsError, match=r"train\.interval"):
        read_params(tmp_path / "params.yaml", ["train.interval=1"])
