"""The trainer without PyCaret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from churn_core.errors import ParamsError, TrainingError
from churn_core.params import TrainParams
from churn_core.protocols import TrainedModel
from churn_core.train.candidates import NOT_STARTED, Deadline
from churn_core.train.models import MODELS
from churn_core.train.trainers import native
from churn_core.train.trainers.native import NativeTrainer
from tests.support.training import Watched, training_data


def train(progress: Watched | None = None, **settings: Any) -> TrainedModel:
    params = TrainParams(**{"trainer": "native", "models": ("lr", "dt", "lightgbm"), "tune": 0, **settings})
    return NativeTrainer().train(training_data(), params, progress or Watched())


def test_the_best_models_are_blended_and_all_are_on_the_leaderboard() -> None:
    trained = train(blend=2)
    losses = [row.metrics["log_loss"] for row in trained.leaderboard]
    assert losses == sorted(losses)
    assert {row.model for row in trained.leaderboard} >= {"lr", "dt", "lightgbm"}
    chosen = [row.model for row in trained.leaderboard if row.chosen]
    assert chosen == [member.name for member in trained.members]
    assert sum(row.weight for row in trained.leaderboard) == pytest.approx(1)
    worst = max(
        (row for row in trained.leaderboard if row.model != "blend"), key=lambda r: r.metrics["log_loss"]
    )
    assert worst.model not in chosen


def test_one_model_alone_is_no_blend() -> None:
    trained = train(blend=1)
    assert [member.weight for member in trained.members] == [1.0]
    assert "blend" not in {row.model for row in trained.leaderboard}
    assert len(train(models=("lr",), blend=3).members) == 1


def test_members_predict_the_rows_they_have_not_seen() -> None:
    data = training_data()
    (member,) = train(models=("lr",)).members
    inside = member.estimator.predict_proba(data.matrix)[:, 1]
    assert member.out_of_fold.shape == (600,)
    assert np.abs(inside - member.out_of_fold).max() > 1e-4
    assert np.corrcoef(inside, member.out_of_fold)[0, 1] > 0.98
    assert member.hyper_parameters == MODELS["lr"].settings


def test_tuning_keeps_what_is_better_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = {"max_depth": 1, "min_samples_leaf": 150}
    monkeypatch.setitem(MODELS, "dt", replace(MODELS["dt"], settings=poor))
    plain, tuned = train(models=("dt",), blend=1), train(models=("dt",), blend=1, tune=8)
    assert tuned.leaderboard[0].metrics["log_loss"] < plain.leaderboard[0].metrics["log_loss"]
    (member,) = tuned.members
    assert dict(member.hyper_parameters) != poor
    assert f"max_depth={member.hyper_parameters['max_depth']}" in tuned.leaderboard[0].note
    assert member.estimator[-1].get_params()["max_depth"] == member.hyper_parameters["max_depth"]


def test_tuning_keeps_the_settings_where_nothing_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    worse = {"max_depth": (1,), "min_samples_leaf": (150,)}
    monkeypatch.setitem(MODELS, "dt", replace(MODELS["dt"], grid=worse))
    (member,) = train(models=("dt",), blend=1, tune=8).members
    assert member.hyper_parameters == MODELS["dt"].settings


def test_progress_ends_where_it_said() -> None:
    watched = Watched()
    train(watched, blend=2, tune=3)
    assert len(watched.steps) == watched.total == 3 + 2 * 3 + 1


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = train(tune=2), train(tune=2)
    for one, other in zip(first.members, second.members, strict=True):
        assert np.array_equal(one.out_of_fold, other.out_of_fold)
        assert one.hyper_parameters == other.hyper_parameters


def test_one_failing_model_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "dt", replace(MODELS["dt"], settings={"max_depth": -3}))
    trained = train(blend=3)
    assert [member.name for member in trained.members] == ["lr", "lightgbm"]
    failed = trained.leaderboard[-1]
    assert (failed.model, failed.metrics) == ("dt", {})
    assert failed.note.startswith("failed: InvalidParameterError")


def test_when_all_models_fail_each_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "dt", replace(MODELS["dt"], settings={"max_depth": -3}))
    with pytest.raises(TrainingError, match=r"no model could be fitted \(dt: failed: InvalidParameterError"):
        train(models=("dt",))


def test_after_the_budget_no_further_model_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, True, True])
    monkeypatch.setattr(native.Deadline, "passed", lambda self: next(answers))
    trained = train(tune=5)
    assert [member.name for member in trained.members] == ["lr"]
    assert [row.note for row in trained.leaderboard if row.model != "lr"] == [NOT_STARTED] * 2


def test_a_budget_too_small_for_one_model_is_refused() -> None:
    assert Deadline(0).passed()
    assert not Deadline(60).passed()
    with pytest.raises(TrainingError, match=r"train\.budget_seconds was over before the first model"):
        train(budget_seconds=1e-9)


def test_unknown_models_are_refused_before_anything_is_fitted() -> None:
    watched = Watched()
    with pytest.raises(ParamsError, match="did you mean 'lr'"):
        train(watched, models=("lrr",))
    assert not watched.steps
