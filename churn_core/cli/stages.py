"""The DVC stages as a person sees them: one line each, and what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from churn_core.errors import StageError

__all__ = ["ended", "run_stages"]

_RUNNING = re.compile(r"Running stage '(?P<stage>[^']+)'")
_UNCHANGED = re.compile(r"Stage '(?P<stage>[^']+)' didn't change")
_DONE = ("Updating lock file", "Generating lock file")
_PATIENCE = 10.0

Say = Callable[[str], None]


def run_stages(root: Path, say: Say) -> None:
    """Run what has changed of the pipeline in `root`; `say` is told of each stage.

    Raises:
        StageError: DVC is not installed, or a stage failed.
    """
    if find_spec("dvc") is None:
        raise StageError(
            "the pipeline is run by DVC, which is not installed: pip install 'churn-core[train]'"
        )
    quiet = {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}
    # The stages' progress bars and messages go straight to standard error.
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=root,
        env={**os.environ, **quiet},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with ended(process):
        stage = _Progress(say).follow(process.stdout or ())
        failed = process.wait() != 0
    if failed:
        which = f"stage {stage!r} failed" if stage else "the pipeline cannot run"
        raise StageError(f"{which}; the reason stands above. What is done already is not done again.")


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave no process behind, however the block is left."""
    try:
        with process:
            try:
                yield
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.wait(_PATIENCE)
                    except subprocess.TimeoutExpired:
                        process.kill()
    finally:
        process.wait()


class _Progress:
    """Turns DVC's words into a line or two a stage, with seconds, and the stage's own words between."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._stage = ""
        self._started = 0.0

    def follow(self, lines: Iterable[str]) -> str:
        """Read to the end; returns the stage that did not finish, if any."""
        for line in map(str.rstrip, lines):
            self._take(line)
        return self._stage

    def _take(self, line: str) -> None:
        if running := _RUNNING.match(line):
            self._stage, self._started = running["stage"], time.monotonic()
            self._say(f"{self._stage}: running")
        elif unchanged := _UNCHANGED.match(line):
            self._say(f"{unchanged['stage']}: nothing changed")
        elif self._stage and line.startswith(_DONE):
            self._say(f"{self._stage}: done in {time.monotonic() - self._started:.1f} s")
            self._stage = ""
        elif self._stage and line and not line.startswith("> "):
            self._say(f"    {line}")
