"""The wheels of this repository, built as a release would be."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from email.message import Message
from pathlib import Path

__all__ = ["PROJECTS", "build_wheels", "content", "metadata"]

PROJECTS = {"churn-core": "", "churn-serve": "churn_serve", "churn-client": "churn_client"}
_IGNORED = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", "*.pyc")


def build_wheels(root: Path, folder: Path, names: Iterable[str] = PROJECTS) -> dict[str, Path]:
    """Wheels by distribution, built in `folder` from a copy of the sources."""
    for package in ("churn_core", "churn_serve", "churn_client"):
        shutil.copytree(root / package, folder / package, ignore=_IGNORED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    return {name: _build(folder / PROJECTS[name], folder / "dist" / name) for name in names}


def content(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def _build(source: Path, target: Path) -> Path:
    # The wheel is made from the source distribution, so that both are proven complete.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("*.whl"))
