"""Data and results of stages, to and from DVC's remote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from churn_core.errors import ChurnError
from churn_core.tracking.dagshub import dagshub

__all__ = ["RemoteError", "Transfer", "pull", "push"]

_NAME = "delivery"
# DVC leaves pointers alone that its remote does not hold, and says so with this status.
_FAILED = 1


class RemoteError(ChurnError):
    """DVC's remote did not take or give what it was asked for."""


@dataclass(frozen=True)
class Transfer:
    """What became of it.

    Attributes:
        remote: Where to or from, without login; empty where no remote is configured.
        text: In a sentence.
    """

    remote: str
    text: str


def pull(root: Path = Path(), environment: Mapping[str, str] = os.environ) -> Transfer:
    """Fetch data and earlier results of stages, so that `dvc repro` does only what nobody did before.

    Without a remote nothing happens: the data set that comes with a package needs none. What the remote
    does not hold is no error either: `dvc repro` makes it.

    Args:
        environment: `CHURN_DVC_REMOTE`, or what names a repository on DagsHub.

    Raises:
        RemoteError: DVC cannot be run, or the remote cannot be configured.
    """
    remote = _configure(root, environment)
    if not remote:
        return Transfer("", "no DVC remote is configured; stages start from the data set itself")
    if _dvc(root, "fetch", "--run-cache", "--quiet").returncode == _FAILED:
        return Transfer(remote, f"{remote} does not hold everything; what is missing is made anew")
    _dvc(root, "checkout", "--allow-missing", "--quiet")
    return Transfer(remote, f"data and earlier results are here from {remote}")


def push(root: Path = Path(), environment: Mapping[str, str] = os.environ) -> Transfer:
    """Send data and results of stages to the remote, if there is one.

    Raises:
        RemoteError: It does not take them.
    """
    remote = _configure(root, environment)
    if not remote:
        return Transfer("", "no DVC remote is configured; data and results stay here")
    done = _dvc(root, "push", "--run-cache", "--quiet")
    if done.returncode:
        raise RemoteError(f"{remote} did not take the data: {_last_line(done.stderr)}")
    return Transfer(remote, f"data and results are on {remote}")


def _configure(root: Path, environment: Mapping[str, str]) -> str:
    """Name the remote in `.dvc/config.local`, which git ignores; where none is given, the project's own."""
    found = dagshub(environment)
    url = environment.get("CHURN_DVC_REMOTE") or (found.dvc if found else "")
    if not url:
        listed = _dvc(root, "config", "core.remote")
        return listed.stdout.strip() if listed.returncode == 0 else ""
    settings = {"url": url}
    if found and url == found.dvc:
        settings |= {"auth": "basic", "user": found.user, "password": found.token}
    _dvc(root, "remote", "add", "--local", "--force", "--default", _NAME, url, check=True)
    for name, value in settings.items():
        _dvc(root, "remote", "modify", "--local", _NAME, name, value, check=True)
    return url.rpartition("@")[2]


def _dvc(root: Path, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(  # noqa: S603 - DVC, with our own words
        command,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    if check and done.returncode:  # what was asked for may hold a password, what DVC answers does not
        raise RemoteError(f"DVC cannot use this remote: {_last_line(done.stderr)}")
    return done


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it gives no reason"
