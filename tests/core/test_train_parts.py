"""The parts of training: models by name, folds, blend, calibration, leaderboard."""

from __future__ import annotations

import csv
import inspect
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.errors import ExportError, ParamsError, TrainingError
from churn_core.protocols import LeaderboardRow
from churn_core.train import models
from churn_core.train.blend import LIMIT, blend, log_odds, probabilities, to_log_odds, weights
from churn_core.train.calibrate import NONE, calibrated, cross_fitted, fit_calibration
from churn_core.train.candidates import Candidate, cross_validate, fold_scores, leaderboard_row
from churn_core.train.choose import choose
from churn_core.train.folds import stratified_folds
from churn_core.train.leaderboard import read_leaderboard, write_leaderboard
from churn_core.train.models import MODELS, check_models, draws
from tests.support.training import INSTALLED, training_data


@pytest.mark.parametrize("name", INSTALLED)
def test_settings_and_grids_are_arguments_of_the_model(name: str) -> None:
    spec = MODELS[name]
    module, _, target = spec.target.partition(":")
    known = inspect.signature(getattr(import_module(module), target)).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    names = {*spec.settings, *spec.grid, *spec.fixed} | ({spec.seed_name} - {""})
    assert open_ended or names <= set(known)
    assert not set(spec.grid) & set(spec.fixed)
    assert set(spec.grid) <= set(spec.settings), "tuning reports what differs from the settings"
    assert spec.settings[next(iter(spec.grid))] in spec.grid[next(iter(spec.grid))]


@pytest.mark.parametrize("name", sorted(models._INEXACT))
def test_inexact_models_are_refused_by_name(name: str) -> None:
    with pytest.raises(ExportError, match=f"model '{name}' cannot be exported exactly .* choose from lr, "):
        check_models(("lr", name))


def test_other_wrong_lists_of_models_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"train.models is empty; choose from lr"):
        check_models(())
    with pytest.raises(ParamsError, match=r"no model 'lightgmb' .*; did you mean 'lightgbm'"):
        check_models(("lightgmb",))
    with pytest.raises(ParamsError, match=r"no model '\?' \(known: lr, .*\)$"):
        check_models(("?",))
    with pytest.raises(ParamsError, match="names 'lr' twice"):
        check_models(("lr", "nb", "lr"))
    monkeypatch.setitem(MODELS, "cat", replace(MODELS["lr"], target="dogboost.core:Dog"))
    with pytest.raises(ParamsError, match="model 'cat' needs dogboost, which is not installed"):
        check_models(("cat",))


def test_draws_are_different_points_of_the_grid_and_repeatable() -> None:
    points = draws("lightgbm", 20, 3)
    assert len({tuple(point.items()) for point in points}) == 20
    assert points == draws("lightgbm", 20, 3) != draws("lightgbm", 20, 4)
    assert all(point[key] in values for point in points for key, values in MODELS["lightgbm"].grid.items())
    assert len(draws("lr", 100, 0)) == len(MODELS["lr"].grid["C"])
    assert draws("lr", 0, 0) == []


def test_folds_are_stratified_and_drawn_by_the_seed() -> None:
    labels = (np.arange(103) % 4 == 0).astype(np.int64)
    fold = stratified_folds(labels, 5, 0)
    assert set(fold) == set(range(5))
    assert max(np.bincount(fold[labels == 1])) - min(np.bincount(fold[labels == 1])) <= 1
    assert np.array_equal(fold, stratified_folds(labels, 5, 0))
    assert not np.array_equal(fold, stratified_folds(labels, 5, 1))


def test_too_few_of_an_outcome_are_refused() -> None:
    with pytest.raises(TrainingError, match="none of the 50 training customers churned"):
        stratified_folds(np.zeros(50, dtype=np.int64), 5, 0)
    with pytest.raises(TrainingError, match="none of the 50 training customers stayed"):
        stratified_folds(np.ones(50, dtype=np.int64), 5, 0)
    labels = (np.arange(50) < 4).astype(np.int64)
    with pytest.raises(TrainingError, match=r"only 4 of 50 training customers churned: .*folds = 5"):
        stratified_folds(labels, 5, 0)
    with pytest.raises(TrainingError, match="only 4 of 50 training customers stayed"):
        stratified_folds(1 - labels, 5, 0)


@given(st.lists(st.floats(-15, 15), min_size=1, max_size=20))
def test_log_odds_and_probabilities_are_inverse(values: list[float]) -> None:
    odds = np.array(values)
    assert np.allclose(to_log_odds(probabilities(odds)), odds, atol=1e-6)


def test_a_blend_is_limited_and_weighted() -> None:
    odds = [np.array([1e9, -1e9, 1.0]), np.array([0.0, 0.0, 3.0])]
    assert blend(odds, (0.25, 0.75)).tolist() == [LIMIT / 4, -LIMIT / 4, 2.5]


def test_families_of_models_share_the_weight_equally() -> None:
    assert weights(["lr"]) == (1.0,)
    assert weights(["lightgbm", "lr", "catboost"]) == (0.25, 0.5, 0.25)
    assert weights(["rf", "dt"]) == (0.5, 0.5)
    assert sum(weights(list(MODELS))) == pytest.approx(1)


def candidate(name: str, out_of_fold: np.ndarray) -> Candidate:
    return Candidate(name, {}, out_of_fold, fold_scores(out_of_fold, training_data()), 0.0)


def test_the_best_model_is_joined_by_what_helps_it_most() -> None:
    rng, labels = np.random.default_rng(0), training_data().labels
    truth, one, other = (rng.normal(0, 1, 600) for _ in range(3))
    truth = 3 * (2 * labels - 1) + truth
    best = candidate("lightgbm", probabilities(truth + 2.0 * one))
    twin = candidate("catboost", probabilities(truth + 2.05 * one))
    errs_elsewhere = candidate("lr", probabilities(truth + 2.3 * other))
    useless = candidate("dt", np.full(600, labels.mean()))
    everyone = [useless, twin, errs_elsewhere, best]
    assert [one.name for one in choose(everyone, labels, 2)] == ["lightgbm", "lr"]
    assert [one.name for one in choose(everyone, labels, 1)] == ["lightgbm"]
    assert "dt" not in [one.name for one in choose(everyone, labels, 4)]
    assert choose([], labels, 3) == []


def test_log_odds_of_xgboost_keep_the_digits_that_its_probabilities_lose() -> None:
    pytest.importorskip("xgboost")
    data = training_data()
    # Labels that a tree separates at once give margins where float32 probabilities are 1.
    sure = replace(data, labels=(data.matrix[:, 1] > 30).astype(np.int64))
    estimator = MODELS["xgboost"].make(
        0, n_estimators=400, learning_rate=0.5, reg_lambda=0.0, min_child_weight=0
    )
    estimator.fit(sure.matrix, sure.labels)
    odds = log_odds(estimator, sure.matrix)
    assert odds.max() > 8
    assert len(np.unique(odds)) > len(np.unique(estimator.predict_proba(sure.matrix)[:, 1]))


def drawn(slope: float, intercept: float, rows: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 1.5, rows)
    return odds, (rng.random(rows) < probabilities(slope * odds + intercept)).astype(np.int64)


def test_calibration_finds_the_curve_that_outcomes_follow() -> None:
    found = fit_calibration("platt", *drawn(0.6, -0.3))
    assert found.method == "platt"
    assert found.slope == pytest.approx(0.6, abs=0.01)
    assert found.intercept == pytest.approx(-0.3, abs=0.02)


def test_calibration_can_be_left_out() -> None:
    odds, labels = drawn(0.6, -0.3, 100)
    assert fit_calibration("none", odds, labels) == NONE
    assert np.array_equal(calibrated(NONE, odds), probabilities(odds))


def test_calibration_stays_finite_where_scores_separate_the_classes() -> None:
    odds = np.concatenate([np.full(50, -LIMIT), np.full(30, LIMIT)])
    found = fit_calibration("platt", odds, (odds > 0).astype(np.int64))
    assert 0 < found.slope < 10
    p = calibrated(found, odds)
    assert p.min() == pytest.approx(1 / 52, rel=1e-6)
    assert p.max() == pytest.approx(31 / 32, rel=1e-6)


def test_scores_that_rank_wrongly_are_answered_with_the_churn_rate() -> None:
    odds, labels = drawn(-1.0, 0.0, 5000)
    p = calibrated(fit_calibration("platt", odds, labels), odds)
    assert np.allclose(p, labels.mean())
    constant = fit_calibration("platt", np.full(5000, 2.0), labels)
    assert calibrated(constant, np.array([2.0]))[0] == pytest.approx(labels.mean(), abs=1e-3)


def test_cross_fitting_never_looks_at_the_outcomes_of_its_own_fold() -> None:
    odds, labels = drawn(0.7, 0.2, 900)
    fold = np.arange(900) % 3
    before = cross_fitted("platt", odds, labels, fold)
    flipped = np.where(fold == 1, 1 - labels, labels)
    after = cross_fitted("platt", odds, flipped, fold)
    assert np.array_equal(before[fold == 1], after[fold == 1])
    assert not np.allclose(before[fold == 0], after[fold == 0])


def test_out_of_fold_rows_are_predicted_by_fits_that_have_not_seen_them() -> None:
    data = training_data(400)
    before = cross_validate("dt", {}, data)
    flipped = replace(data, labels=np.where(data.fold == 1, 1 - data.labels, data.labels))
    after = cross_validate("dt", {}, flipped)
    assert np.array_equal(before.out_of_fold[data.fold == 1], after.out_of_fold[data.fold == 1])
    assert not np.array_equal(before.out_of_fold[data.fold == 0], after.out_of_fold[data.fold == 0])


def test_fold_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

    data = training_data(400)
    candidate = cross_validate("lr", {"C": 0.3}, data)
    test = data.fold == 2
    y, p = data.labels[test], candidate.out_of_fold[test]
    found = {name: values[2] for name, values in candidate.scores.items()}
    assert found == pytest.approx(
        {
            "roc_auc": roc_auc_score(y, p),
            "log_loss": log_loss(y, p),
            "brier": brier_score_loss(y, p),
            "accuracy": accuracy_score(y, p >= 0.5),
            "f1": f1_score(y, p >= 0.5),
        },
        abs=1e-12,
    )


def test_a_leaderboard_row_has_means_and_standard_errors() -> None:
    row = leaderboard_row("lr", {"roc_auc": np.array([0.8, 0.9, 0.7, 0.8])}, 1.5, 0.5, "C=1")
    assert row.metrics["roc_auc"] == pytest.approx(0.8)
    assert row.spread["roc_auc"] == pytest.approx(np.std([0.8, 0.9, 0.7, 0.8], ddof=1) / 2)
    assert row.chosen
    assert not leaderboard_row("lr", {"roc_auc": np.ones(2)}, 1.5).chosen


def test_the_leaderboard_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    good = leaderboard_row("lr", cross_validate("lr", {}, training_data(200)).scores, 0.5, 1.0)
    rows = [good, LeaderboardRow("dt", {}, {}, 0.0, note='failed, "badly"')]
    write_leaderboard(tmp_path, rows)
    assert read_leaderboard(tmp_path) == [replace(row, seconds=0.0) for row in rows]
    with (tmp_path / "outputs/leaderboard.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert float(first["roc_auc"]) == pytest.approx(good.metrics["roc_auc"], abs=1e-6)
    assert first["chosen"] == "true"
    assert second["log_loss"] == second["log_loss_se"] == ""
    assert second["note"] == 'failed, "badly"'


def test_trainings_that_differ_in_seconds_alone_write_the_same_files(tmp_path: Path) -> None:
    row = leaderboard_row("lr", {"roc_auc": np.array([0.8, 0.9])}, 0.5, 1.0)
    write_leaderboard(tmp_path / "a", [row])
    write_leaderboard(tmp_path / "b", [replace(row, seconds=99.0)])
    for name in ("leaderboard.csv", "leaderboard.json"):
        first, second = (tmp_path / run / "outputs" / name for run in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_a_missing_leaderboard_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="run `churn train`"):
        read_leaderboard(tmp_path)
