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
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from churn_core.errors import TrainingError
from churn_core.params import TrainParams
from churn_core.protocols import LeaderboardRow, Progress, TrainedModel, TrainingData
from churn_core.train.models import check_models

if TYPE_CHECKING:
    from churn_core.train.candidates import Candidate

__all__ = ["PyCaret", "PyCaretTrainer"]

_WORKER = "churn_core.train.trainers.pycaret_worker"
_PACKAGES = Path(__file__).resolve().parents[3]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class PyCaretTrainer:
    """Compares the named models with PyCaret, has the best tuned, and blends them.

    In a `with` statement PyCaret starts at once, while the caller still imports and reads.
    """

    packages: ClassVar[tuple[str, ...]] = ("pycaret",)

    def __init__(self) -> None:
        self._pycaret = PyCaret()

    def __enter__(self) -> Self:
        if find_spec("pycaret"):
            self._pycaret.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pycaret.__exit__(kind)

    def train(self, data: TrainingData, params: TrainParams, progress: Progress) -> TrainedModel:
        check_models(params.models)
        if find_spec("pycaret") is None:
            raise TrainingError(
                "trainer 'pycaret' needs PyCaret, which is not installed here; use train.trainer=native"
            )
        most = min(params.blend, len(params.models))
        progress.start(len(params.models) + (most if params.tune else 0) + 2, "starting PyCaret")
        with self._pycaret as worker:
            worker.ask(data, params)
            # Imported while PyCaret is: scikit-learn takes a second.
            from churn_core.train.candidates import ensemble, leaderboard_row, nothing_stands

            candidates, chosen, failed = _listen(worker, data, params, progress)
        if not chosen:
            raise nothing_stands(failed)
        progress.step("fitting on all training rows")
        names = [one.name for one in chosen]
        others = [one for one in candidates.values() if one.name not in names]
        rows = [leaderboard_row(one.name, one.scores, one.seconds) for one in others]
        return ensemble(chosen, data, [*rows, *failed])


def _listen(
    worker: PyCaret, data: TrainingData, params: TrainParams, progress: Progress
) -> tuple[dict[str, Candidate], list[Candidate], list[LeaderboardRow]]:
    """What was compared, what of it was chosen and tuned, and what failed.

    Each model is fitted here while PyCaret fits it, or tunes the next; so the slowest is tuned first.
    """
    from churn_core.train.candidates import cross_validate, failed_row
    from churn_core.train.choose import choose

    early: dict[str, Candidate] = {}
    candidates: dict[str, Candidate] = {}
    chosen: dict[str, Candidate] = {}
    failed: list[LeaderboardRow] = []
    for event in worker:
        match event:
            case {"event": "step", "what": what}:
                progress.step(what)
                if what in params.models:
                    with suppress(Exception):  # PyCaret will fail too, and say why
                        early[what] = cross_validate(what, {}, data)
            case {"event": "compared", "model": name}:
                candidates[name] = early.get(name) or cross_validate(name, {}, data)
            case {"event": "failed", "model": name, "note": note}:
                failed.append(failed_row(name, note))
            case {"event": "choose"}:
                chosen = {one.name: one for one in choose(candidates.values(), data.labels, params.blend)}
                worker.tell(sorted(chosen, key=lambda name: -chosen[name].seconds))
            case {"event": "tuned", "model": name, "changes": changes} if changes:
                chosen[name] = cross_validate(name, changes, data)
    return candidates, list(chosen.values()), failed


class PyCaret:
    """PyCaret's process: ask it, then iterate over what it tells, until it is done.

    See `churn_core.train.trainers.pycaret_worker` for the events.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process, unless it runs: it imports PyCaret, and waits to be asked."""
        if self._process:
            return
        self._folder = TemporaryDirectory(prefix="churn-pycaret-")
        folder = Path(self._folder.name)
        self._noise = (folder / "stderr").open("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
            [sys.executable, "-W", "ignore", "-m", _WORKER],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._process:
            if kind:
                self._process.kill()
            self._process.communicate()
            self._process = None
            self._noise.close()
            self._folder.cleanup()

    def ask(self, data: TrainingData, params: TrainParams) -> None:
        """Have models compared on these customers."""
        file = Path(self._folder.name) / "data.npz"
        np.savez(file, matrix=data.matrix, labels=data.labels, fold=data.fold)
        self._write(params.model_copy(update={"seed": data.seed}).model_dump_json())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Events.

        Raises:
            TrainingError: The process ended before it was done.
        """
        for line in (self._process and self._process.stdout) or ():
            event = json.loads(line)
            if event["event"] == "done":
                return
            yield event
        raise TrainingError(f"PyCaret stopped before it was done: {self._last_words()}")

    def tell(self, content: Any) -> None:
        """Answer what the process waits for."""
        self._write(json.dumps(content))

    def _write(self, line: str) -> None:
        if self._process and self._process.stdin:
            with suppress(BrokenPipeError):  # it has ended, and whoever listens is told why
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def _last_words(self) -> str:
        code = self._process and self._process.wait()
        self._noise.seek(0)
        return self._noise.read().strip().rpartition("\n")[2] or f"exit code {code}"


def _environment(folder: Path) -> dict[str, str]:
    """This environment with one thread, no display, and all stray files in `folder`."""
    here = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")])),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder),
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(_THREADS, "1"),
    }
    return {**os.environ, **here}
