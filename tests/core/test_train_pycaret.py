"""PyCaret compares and tunes; nothing of it stays behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_core.errors import DataError, ParamsError, TrainingError
from churn_core.params import TrainParams
from churn_core.protocols import TrainedModel, TrainingData
from churn_core.train.candidates import Scores, cross_validate
from churn_core.train.trainers import pycaret
from churn_core.train.trainers.native import NativeTrainer
from churn_core.train.trainers.pycaret import PyCaret, PyCaretTrainer
from tests.support.training import Watched, training_data

MODELS = ("lr", "lightgbm", "dt", "xgboost")


@dataclass
class State:
    """What a library could change under our feet."""

    folder: str
    files: list[str]
    filters: list[Any]
    level: int
    handlers: int
    environment: dict[str, str]
    random: int


def state() -> State:
    root = logging.getLogger()
    return State(
        str(Path.cwd()),
        sorted(os.listdir()),  # noqa: PTH208
        list(warnings.filters),
        root.level,
        len(root.handlers),
        dict(os.environ),
        int(np.random.get_state()[1][:5].sum()),  # type: ignore[index]
    )


@dataclass
class Run:
    """What PyCaret told, and the state of this process before and after."""

    compared: dict[str, Scores]
    tuned: dict[str, Scores]
    changes: dict[str, dict[str, Any]]
    steps: list[str]
    before: State
    after: State


def listen(data: TrainingData, **settings: Any) -> list[dict[str, Any]]:
    """All that PyCaret tells when every model that could be fitted is to be tuned."""
    events: list[dict[str, Any]] = []
    with PyCaret() as worker:
        worker.ask(data, TrainParams(**settings))
        for event in worker:
            events.append(event)
            if event["event"] == "choose":
                worker.tell([e["model"] for e in events if e["event"] == "compared"])
    return events


def scores(events: list[dict[str, Any]], kind: str) -> dict[str, Scores]:
    told = [event for event in events if event["event"] == kind]
    return {e["model"]: {name: np.array(values) for name, values in e["scores"].items()} for e in told}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One comparison and search by PyCaret, from an empty folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        before = state()
        events = listen(training_data(400), models=MODELS, tune=4)
        changes = {e["model"]: e["changes"] for e in events if e["event"] == "tuned"}
        steps = [e["what"] for e in events if e["event"] == "step"]
        yield Run(scores(events, "compared"), scores(events, "tuned"), changes, steps, before, state())


def test_our_pipelines_score_what_pycaret_reports_on_every_fold(run: Run) -> None:
    data = training_data(400)
    assert set(run.compared) == set(MODELS)
    for name, found in run.compared.items():
        ours = cross_validate(name, {}, data).scores
        for metric, values in found.items():
            assert np.abs(values - ours[metric]).max() < 1e-6, (name, metric)


def test_so_do_tuned_pipelines(run: Run) -> None:
    data = training_data(400)
    assert any(run.changes.values()), "no search was better: choose other data"
    for name, found in run.tuned.items():
        ours = cross_validate(name, run.changes[name], data).scores
        for metric, values in found.items():
            assert np.abs(values - ours[metric]).max() < 1e-6, (name, metric)


def test_tuning_keeps_only_what_is_better_by_log_loss(run: Run) -> None:
    for name, found in run.tuned.items():
        before, after = run.compared[name]["log_loss"].mean(), found["log_loss"].mean()
        assert after < before - 1e-4 if run.changes[name] else after == before


def test_nothing_of_pycaret_stays_behind(run: Run) -> None:
    assert run.before == run.after
    assert run.after.files == []
    assert "pycaret" not in sys.modules


def test_progress_names_models(run: Run) -> None:
    assert run.steps == [*MODELS, *(f"tuning {name}" for name in MODELS)]


def train(rows: int = 400, **settings: Any) -> TrainedModel:
    return PyCaretTrainer().train(training_data(rows), TrainParams(**settings), Watched())


def test_a_second_training_finds_the_same_and_prints_nothing(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"models": ("lr", "dt"), "blend": 2, "tune": 0}
    trained = train(**settings)
    assert capfd.readouterr() == ("", "")
    assert trained.members[0].name == "lr"
    native = NativeTrainer().train(training_data(400), TrainParams(**settings), Watched())
    for row, ours in zip(trained.leaderboard, native.leaderboard, strict=True):
        assert row.model == ours.model
        assert row.metrics == ours.metrics
        if row.model in run.compared:
            first = {name: values.mean() for name, values in run.compared[row.model].items()}
            assert row.metrics == pytest.approx(first, abs=1e-6)


def test_models_that_fail_are_named_and_the_others_stand() -> None:
    data = training_data(300)
    broken = data.matrix.copy()
    broken[5, 0] = np.nan  # boosted trees take it, logistic regression does not
    events = listen(replace(data, matrix=broken), models=("lr", "lightgbm"), tune=0)
    assert set(scores(events, "compared")) == {"lightgbm"}
    (failed,) = [event for event in events if event["event"] == "failed"]
    assert failed["model"] == "lr"
    assert "NaN" in failed["note"]


def test_a_budget_that_starting_pycaret_uses_up_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"train\.budget_seconds was over before the first model"):
        train(models=("lr",), budget_seconds=0.01)


def test_the_last_words_of_a_worker_that_dies_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pycaret, "_WORKER", "churn_core.train.trainers.no_such_worker")
    with pytest.raises(TrainingError, match=r"PyCaret stopped before it was done: .*no_such_worker"):
        train(models=("lr",))


def test_pycaret_that_was_started_early_is_used_once_and_ends_with_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[str]] = []

    class Popen(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            started.append(self)

    monkeypatch.setattr(pycaret.subprocess, "Popen", Popen)
    with pytest.raises(DataError, match="nothing was prepared"), PyCaretTrainer():
        raise DataError("nothing was prepared")
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    with PyCaretTrainer() as trainer:
        trainer.train(training_data(400), TrainParams(models=("lr",), tune=0), Watched())
    assert [process.returncode for process in started[1:]] == [0]


def test_without_pycaret_another_trainer_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pycaret, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"not installed here; use train\.trainer=native"):
        train(models=("lr",))


def test_unknown_models_are_refused_before_pycaret_starts() -> None:
    with pytest.raises(ParamsError, match="did you mean 'lightgbm'"):
        train(models=("lightgb",))
