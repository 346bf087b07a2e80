"""Where a bundle comes from: data, parameters, code, libraries."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from churn_core import __version__
from churn_core.bundle.manifest import Lineage
from churn_core.params import Params
from churn_core.train.prepared import Prepared

__all__ = ["git_commit", "lineage"]

# What the bundle depends on, beyond the data: the digest does not move with gate or MLflow.
_SECTIONS = ("schema_name", "split", "train", "features", "costs")
_LIBRARIES = ("numpy", "scikit-learn", "onnx")


def lineage(params: Params, data: Prepared, packages: Iterable[str], root: Path) -> Lineage:
    """The lineage of a bundle trained on `data`.

    Args:
        packages: Further distributions that took part.
    """
    labels = data.train.labels
    libraries = {name: version(name) for name in sorted({*_LIBRARIES, *packages})}
    return Lineage(
        dataset=data.origin.dataset,
        train_digest=data.train_digest,
        train_rows=len(labels),
        churn_rate=float(labels.mean()),
        holdout_digest=data.holdout_digest,
        holdout_rows=data.holdout_features.num_rows,
        split_seed=data.origin.seed,
        params_digest=params.digest(*_SECTIONS),
        git_commit=git_commit(root),
        libraries={"churn-core": __version__, "python": platform.python_version(), **libraries},
    )


def git_commit(root: Path) -> str:
    """The commit of the project in `root`, with `+dirty` where code differs from it.

    Empty outside git, where git is not installed, and before the first commit.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    changed = _git(root, "status", "--porcelain", "--", "*.py", "*.toml")
    return f"{commit}+dirty" if changed else commit


def _git(root: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
