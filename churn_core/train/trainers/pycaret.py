"""The trainer that lets PyCaret compare and tune.

PyCaret runs in a process of its own, in a folder of its own: it prints, writes log files,
changes warning filters, random state and parts of scikit-learn, and none of that reaches this
process. Fold scores and hyper-parameters come back as JSON. The models themselves are fitted
here, free of PyCaret's wrappers; on the same folds they score exactly what PyCaret reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from churn_core.errors import TrainingError
from churn_core.params import TrainParams
from churn_core.protocols import LeaderboardRow, Progress, TrainedModel, TrainingData
from churn_core.train.candidates import (
    Scores,
    cross_validate,
    ensemble,
    failed_row,
    leaderboard_row,
    nothing_stands,
)
from churn_core.train.models import check_models

__all__ = ["Compared", "PyCaretTrainer", "ask_pycaret"]

_WORKER = "churn_core.train.trainers.pycaret_worker"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class PyCaretTrainer:
    """Compares the named models with PyCaret, has the best tuned, and blends them."""

    packages: ClassVar[tuple[str, ...]] = ("pycaret",)

    def train(self, data: TrainingData, params: TrainParams, progress: Progress) -> TrainedModel:
        check_models(params.models)
        if find_spec("pycaret") is None:
            raise TrainingError(
                "trainer 'pycaret' needs PyCaret, which is not installed here; use train.trainer=native"
            )
        best = min(params.blend, len(params.models))
        progress.start(len(params.models) + (best if params.tune else 0) + 2, "starting PyCaret")
        answer = ask_pycaret(data, params, progress)
        if not answer.scores:
            raise nothing_stands(answer.failed)
        progress.step("fitting the best models")
        chosen = [cross_validate(name, changes, data) for name, changes in answer.chosen.items()]
        others = [
            leaderboard_row(name, scores, answer.seconds[name])
            for name, scores in answer.scores.items()
            if name not in answer.chosen
        ]
        return ensemble(chosen, data, [*others, *answer.failed])


class Compared:
    """What PyCaret found.

    Attributes:
        scores: For each model that could be fitted, its metrics in each fold before tuning.
        chosen: The best models with the hyper-parameters that tuning changed, the best first.
        tuned: The metrics in each fold of those whose hyper-parameters tuning changed.
    """

    def __init__(self) -> None:
        self.scores: dict[str, Scores] = {}
        self.seconds: dict[str, float] = {}
        self.chosen: dict[str, Mapping[str, Any]] = {}
        self.tuned: dict[str, Scores] = {}
        self.failed: list[LeaderboardRow] = []


def ask_pycaret(data: TrainingData, params: TrainParams, progress: Progress) -> Compared:
    """Have PyCaret compare and tune in its own process.

    Raises:
        TrainingError: It stopped before it was done.
    """
    answer = Compared()
    with TemporaryDirectory(prefix="churn-pycaret-") as name:
        folder = Path(name)
        np.savez(folder / "data.npz", matrix=data.matrix, labels=data.labels, fold=data.fold)
        (folder / "request.json").write_text(params.model_copy(update={"seed": data.seed}).model_dump_json())
        for event in _events(folder):
            _take(event, answer, progress)
    return answer


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    """What the worker tells, line by line, until it is done."""
    command = [sys.executable, "-W", "ignore", "-m", _WORKER]
    done = False
    with (
        (folder / "stderr").open("w+", encoding="utf-8", errors="replace") as noise,
        subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, stderr=noise, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                event = json.loads(line)
                done = event["event"] == "done"
                yield event
        except BaseException:
            process.kill()
            raise
        if process.wait() or not done:
            noise.seek(0)
            last = noise.read().strip().rpartition("\n")[2] or f"exit code {process.returncode}"
            raise TrainingError(f"PyCaret stopped before it was done: {last}")


def _environment(folder: Path) -> dict[str, str]:
    """This environment with one thread, no display, and all stray files in `folder`."""
    here = {
        "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder),
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(_THREADS, "1"),
    }
    return {**os.environ, **here}


def _take(event: Mapping[str, Any], answer: Compared, progress: Progress) -> None:
    kind, model = event["event"], event.get("model", "")
    if kind == "step":
        progress.step(event["what"])
    elif kind == "compared":
        answer.scores[model] = {name: np.array(values) for name, values in event["scores"].items()}
        answer.seconds[model] = event["seconds"]
    elif kind == "failed":
        answer.failed.append(failed_row(model, event["note"]))
    elif kind == "chosen":
        # JSON has lists where estimators take tuples.
        changes = {k: tuple(v) if isinstance(v, list) else v for k, v in event["changes"].items()}
        answer.chosen[model] = changes
        if changes:
            answer.tuned[model] = {name: np.array(values) for name, values in event["scores"].items()}
