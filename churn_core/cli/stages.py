"""The DVC stages as a person sees them: one line each, and what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from churn_core.errors import StageError

__all__ = ["ended", "run_stages"]

_RUNNING = re.compile(r"Running stage '(?P<stage>[^']+)'")
_UNCHANGED = re.compile(r"Stage '(?P<stage>[^']+)' didn't change")
_DONE = ("Updating lock file", "Generating lock file", "Use `dvc push`")
_PATIENCE = 10.0

Say = Callable[[str], None]


def run_stages(root: Path, say: Say) -> list[str]:
    """Run what has changed of the pipeline in `root`; `say` is told of each stage.

    Returns:
        The stages that ran.

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
    progress = _Progress(say)
    with ended(process):
        for line in process.stdout or ():
            progress.take(line.rstrip())
        failed = process.wait() != 0
    if failed:
        which = f"stage {progress.stage!r} failed" if progress.stage else "the pipeline cannot run"
        raise StageError(f"{which}; the reason stands above. What is done already is not done again.")
    progress.finish()
    return progress.ran


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
    """Turns DVC's words into a line or two a stage, with seconds, and the stage's own words between.

    Attributes:
        ran: Stages that were started.
        stage: The one that was not seen to end.
    """

    def __init__(self, say: Say) -> None:
        self.ran: list[str] = []
        self.stage = ""
        self._say = say
        self._started = 0.0

    def take(self, line: str) -> None:
        if running := _RUNNING.match(line):
            self.finish()
            self.stage, self._started = running["stage"], time.monotonic()
            self.ran.append(self.stage)
            self._say(f"{self.stage}: running")
        elif unchanged := _UNCHANGED.match(line):
            self.finish()
            self._say(f"{unchanged['stage']}: nothing changed")
        elif line.startswith(_DONE):
            self.finish()
        elif self.stage and line and not line.startswith("> "):
            self._say(f"    {line}")

    def finish(self) -> None:
        """The stage under way has ended well."""
        if self.stage:
            self._say(f"{self.stage}: done in {time.monotonic() - self._started:.1f} s")
            self.stage = ""
