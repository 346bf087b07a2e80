"""The report, built from the files of an evaluation and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from churn_core.bundle import Manifest
from churn_core.errors import TrainingError
from churn_core.gate.metrics import Metric
from churn_core.protocols import LeaderboardRow
from churn_core.train.evaluation.figures import FIGURES, draw
from churn_core.train.evaluation.numbers import Numbers
from churn_core.train.evaluation.style import to_svg
from churn_core.train.evaluation.tables import headline
from churn_core.train.evaluation.words import between, money, number, points, share, share_between, tied
from churn_core.train.leaderboard import read_leaderboard
from churn_core.train.report import sentences

__all__ = ["render", "write_report"]

_SHARES = {
    "accuracy",
    "churn_rate",
    "contacted",
    "empc_fraction",
    "mean_probability",
    "mpc_fraction",
    "precision",
    "recall",
    "top_rate_10",
}
_TWO_DIGITS = ("profit", "lift", "calibration", "spiegelhalter", "empc", "mpc")


def write_report(folder: Path, manifest: Manifest) -> Path:
    """Write `report.html` beside the numbers it tells.

    Args:
        folder: Holds the evaluation, and the leaderboard if there is one.

    Raises:
        StageError: There is no evaluation in `folder`.
    """
    try:
        leaderboard = read_leaderboard(folder.parent)
    except TrainingError:
        leaderboard = []
    path = folder / "report.html"
    path.write_text(render(manifest, Numbers.read(folder), leaderboard), encoding="utf-8")
    return path


def render(manifest: Manifest, numbers: Numbers, leaderboard: Sequence[LeaderboardRow] = ()) -> str:
    """The report as one HTML page that needs nothing else."""
    metrics, tables = numbers.metrics, numbers.tables
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            manifest=manifest,
            metrics=metrics,
            tables=tables,
            figures={name: Markup(to_svg(draw(name, numbers))) for name in FIGURES},  # noqa: S704
            findings=sentences.findings(metrics, tables["deciles"]),
            worth=sentences.worth(metrics),
            whom_to_call=sentences.whom_to_call(manifest.decision),
            metric_rows=_metric_rows(manifest, numbers),
            slices=_slices(numbers),
            leaderboard=leaderboard,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "between": between,
        "money": money,
        "number": number,
        "points": points,
        "share": share,
        "share_between": share_between,
        "tied": tied,
    }
    return environment


def _metric_rows(manifest: Manifest, numbers: Numbers) -> list[dict[str, Any]]:
    """One row for each metric of the hold-out, beside what training had led to expect."""
    rows: list[dict[str, Any]] = []
    for name, metric in headline(manifest.decision).items():
        found = numbers.metrics[name]
        expected = manifest.metrics.get(name)
        rows.append(
            {
                "title": metric.title,
                "meaning": sentences.MEANINGS[name],
                "value": _value(metric, found["value"]),
                "bounds": share_between(found, 1) if name in _SHARES else between(found, _digits(metric)),
                "expected": _value(metric, expected.value) if expected else "",
            }
        )
    return rows


def _value(metric: Metric, value: float | None) -> str:
    return share(value, 1) if metric.name in _SHARES else number(value, _digits(metric))


def _digits(metric: Metric) -> int:
    return 2 if metric.name.startswith(_TWO_DIGITS) else 3


def _slices(numbers: Numbers) -> list[tuple[str, list[dict[str, Any]]]]:
    """Groups by field; `off` where predictions miss the churn rate by more than chance explains."""
    rows = [
        {**row, "off": row["gap_low"] is not None and not row["gap_low"] <= 0 <= row["gap_high"]}
        for row in numbers.tables["slices"]
    ]
    return [(field, list(group)) for field, group in groupby(rows, key=lambda row: row["field"])]
