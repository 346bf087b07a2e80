"""The leaderboard as files: `outputs/leaderboard.csv` for people, `.json` for programs.

Neither holds seconds, so that equal trainings write equal files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from churn_core.errors import TrainingError
from churn_core.protocols import LeaderboardRow

__all__ = ["LEADERBOARD", "METRIC_NAMES", "read_leaderboard", "write_leaderboard"]

METRIC_NAMES = ("roc_auc", "log_loss", "brier", "accuracy", "f1")

LEADERBOARD = Path("outputs/leaderboard.json")

_CSV = LEADERBOARD.with_suffix(".csv")


def write_leaderboard(root: Path, rows: Sequence[LeaderboardRow]) -> None:
    """Write both files below `root`."""
    (root / _CSV).parent.mkdir(parents=True, exist_ok=True)
    flat = [_flat(row) for row in rows]
    with (root / _CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    records = [{name: value for name, value in asdict(row).items() if name != "seconds"} for row in rows]
    (root / LEADERBOARD).write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def read_leaderboard(root: Path) -> list[LeaderboardRow]:
    """The rows of the last training, with 0 seconds each, which the files do not hold.

    Raises:
        TrainingError: There is none.
    """
    try:
        content = json.loads((root / LEADERBOARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TrainingError(f"{root / LEADERBOARD} is missing or damaged; run `churn train`") from None
    return [LeaderboardRow(**{**row, "seconds": 0.0}) for row in content]


def _flat(row: LeaderboardRow) -> dict[str, Any]:
    """One line of the CSV: each metric next to its standard error; empty where a model failed."""
    flat: dict[str, Any] = {"model": row.model}
    for name in METRIC_NAMES:
        flat[name] = _rounded(row.metrics.get(name))
        flat[f"{name}_se"] = _rounded(row.spread.get(name))
    return {
        **flat,
        "chosen": str(row.chosen).lower(),
        "weight": round(row.weight, 4),
        "note": row.note,
    }


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 6)
