"""The numbers of an evaluation as files: everything that figures and report say is read from here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_core.errors import StageError
from churn_core.train.evaluation.curves import Rows

__all__ = ["METRICS_FILE", "PLOTS", "Numbers"]

METRICS_FILE = Path("metrics/metrics.json")
PLOTS = Path("plots")


@dataclass(frozen=True)
class Numbers:
    """What an evaluation found.

    Attributes:
        metrics: `metrics/metrics.json`: facts, and metrics as `{"value", "low", "high"}`, with
            `None` where a metric is not defined.
        tables: Rows of `plots/*.json`, by name.
    """

    metrics: Mapping[str, Any]
    tables: Mapping[str, Rows]

    def write(self, folder: Path) -> None:
        """Write all files below `folder`."""
        for part in (METRICS_FILE.parent, PLOTS):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / METRICS_FILE).write_text(_lines(self.metrics), encoding="utf-8")
        for name, rows in self.tables.items():
            text = "[\n" + ",\n".join(map(_line, rows)) + "\n]\n"
            (folder / PLOTS / f"{name}.json").write_text(text, encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Numbers:
        """Read what `write` wrote.

        Raises:
            StageError: There is no complete evaluation.
        """
        try:
            metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
            files = sorted((folder / PLOTS).glob("*.json"))
            tables = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
        except (OSError, ValueError):
            raise StageError(f"{folder} holds no readable evaluation; run `churn evaluate`") from None
        return Numbers(metrics, tables)


def _lines(content: Mapping[str, Any]) -> str:
    """One entry a line, so that a change of one metric is a change of one line."""
    entries = ",\n".join(f"  {_line(key)}: {_line(value)}" for key, value in content.items())
    return "{\n" + entries + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
