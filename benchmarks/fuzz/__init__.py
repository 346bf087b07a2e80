"""Coverage-guided fuzzing of all that reads what callers send: bodies, query parameters, headers.

Requests are mutated towards code of the service that none has reached. What the service answers
must be an answer or a problem document, and exactly the one that a slow, obviously right reading of
the request calls for (`benchmarks.fuzz.reference`).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE, STDOUT
from tempfile import TemporaryDirectory

from benchmarks.servers import ROOT, bundle_or_stand_in

CORPUS = Path(__file__).parent / "corpus"
WORDS = CORPUS.with_name("words.dict")
MISSING = "fuzzing needs atheris, which runs on Linux alone: pip install atheris"


def main(arguments: list[str]) -> int:
    """Print what the fuzzer does; 1 where it found something, which it then shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args(arguments)
    if not available():
        print(MISSING)
        return 1
    with TemporaryDirectory() as folder:
        done = fuzz(
            options.bundle or bundle_or_stand_in(Path(folder) / "bundle"), options.seconds, Path(folder)
        )
    print("\n".join(done.stdout.splitlines()[-(60 if done.returncode else 12) :]))
    return int(done.returncode != 0)


def available() -> bool:
    """Whether there is a fuzzer for this system."""
    return find_spec("atheris") is not None


def fuzz(bundle: Path, seconds: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Fuzz in a process of its own, since a fuzzer ends the one that it runs in."""
    found = shutil.copytree(CORPUS, folder / "corpus")
    limits = [
        f"-max_total_time={seconds}",
        f"-dict={WORDS}",
        "-max_len=4096",
        "-timeout=30",
        "-rss_limit_mb=4096",
    ]
    command = [sys.executable, "-m", "benchmarks.fuzz.target", str(bundle), str(found), *limits]
    artifacts = f"-artifact_prefix={folder}/"
    return subprocess.run(
        [*command, artifacts], cwd=ROOT, stdout=PIPE, stderr=STDOUT, text=True, errors="replace", check=False
    )
