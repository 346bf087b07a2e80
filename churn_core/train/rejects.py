"""Rows that were refused: counted, written down with their reasons, and bounded."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from churn_core.batch.rows import RowFile
from churn_core.errors import DataError
from churn_core.schemas import FieldProblem

__all__ = ["REJECTS", "Rejects"]

REJECTS = Path("data/rejects")


class Rejects:
    """The refused rows of one file, by row number; the first row of data is 1."""

    def __init__(self) -> None:
        self._problems: dict[int, tuple[FieldProblem, ...]] = {}

    def __len__(self) -> int:
        return len(self._problems)

    def add(self, row: int, *problems: FieldProblem) -> None:
        """Refuse a row."""
        self._problems[row] = problems

    def reasons(self) -> list[tuple[str, int]]:
        """Each reason with the number of rows it holds for, the most frequent first."""
        counts = Counter(_reason(problem) for problems in self._problems.values() for problem in problems)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def write(self, folder: Path, rows: RowFile, total: int, ignored: Sequence[str]) -> None:
        """Write `rejects.csv`, one line for each refused row, and `summary.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "rejects.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("row", "field", "reason", "customer"))
            if self._problems:
                writer.writerows(self._lines(rows))
        summary = {
            "rows": total,
            "rejected": len(self),
            "reasons": [{"reason": reason, "rows": count} for reason, count in self.reasons()],
            "ignored_columns": list(ignored),
        }
        text = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
        (folder / "summary.json").write_text(text, encoding="utf-8")

    def check(self, folder: Path, total: int, most: float) -> None:
        """Refuse the whole file if too large a share of its rows was refused.

        Raises:
            DataError: With the three most frequent reasons, and what would be right.
        """
        if len(self) > most * total:
            frequent = "; ".join(self._in_words(reason, count) for reason, count in self.reasons()[:3])
            were = "was" if len(self) == 1 else "were"
            raise DataError(
                f"{len(self)} of {total} rows {were} refused, more than "
                f"dataset.max_rejects = {most:g} allows: {frequent}; see {folder / 'rejects.csv'}"
            )

    def _in_words(self, reason: str, count: int) -> str:
        problems = (problem for row in self._problems.values() for problem in row)
        allowed = next(problem.allowed for problem in problems if _reason(problem) == reason)
        return f"{reason} ({count})" + (f", allowed: {allowed}" if allowed else "")

    def _lines(self, rows: RowFile):
        for number, values in enumerate(rows, start=1):
            problems = self._problems.get(number)
            if problems:
                fields = "; ".join(dict.fromkeys(problem.field for problem in problems if problem.field))
                yield number, fields, "; ".join(map(str, problems)), _as_json(rows.header, values)


def _as_json(header: Sequence[str], values: Sequence[object]) -> str:
    """The row as it stood in the file."""
    if isinstance(values, FieldProblem):
        return ""
    row = dict(zip(header, values, strict=True)) if len(header) == len(values) else list(values)
    return json.dumps(row, ensure_ascii=False, default=str)


def _reason(problem: FieldProblem) -> str:
    return f"{problem.field}: {problem.message}" if problem.field else problem.message
