"""The leaderboard as files: `outputs/leaderboard.csv` for people, `.json` for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from churn_core.errors import TrainingError
from churn_core.protocols import LeaderboardRow

__all__ = ["METRIC_NAMES", "read_leaderboard", "write_leaderboard"]

METRIC_NAMES = ("roc_auc", "log_loss", "brier", "accuracy", "f1")

_CSV, _JSON = Path("outputs/leaderboard.csv"), Path("outputs/leaderboard.json")


def write_leaderboard(root: Path, rows: Sequence[LeaderboardRow]) -> None:
    """Write both files below `root`."""
    (root / _CSV).parent.mkdir(parents=True, exist_ok=True)
    flat = [_flat(row) for row in rows]
    with (root / _CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    (root / _JSON).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def read_leaderboard(root: Path) -> list[LeaderboardRow]:
    """The rows of the last training.

    Raises:
        TrainingError: There is none.
    """
    try:
        content = json.loads((root / _JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TrainingError(f"{root / _JSON} is missing or damaged; run `churn train`") from None
    return [LeaderboardRow(**row) for row in content]


def _flat(row: LeaderboardRow) -> dict[str, Any]:
    """One line of the CSV: each metric next to its standard error; empty where a model failed."""
    flat: dict[str, Any] = {"model": row.model}
    for name in METRIC_NAMES:
        flat[name] = _rounded(row.metrics.get(name))
        flat[f"{name}_se"] = _rounded(row.spread.get(name))
    return {
        **flat,
        "seconds": round(row.seconds, 2),
        "chosen": str(row.chosen).lower(),
        "weight": round(row.weight, 4),
        "note": row.note,
    }


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 6)
