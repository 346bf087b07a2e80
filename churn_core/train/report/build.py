"""The report, built from the files of an evaluation and the manifest: a page, and the same as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from churn_core.bundle import Manifest
from churn_core.errors import TrainingError
from churn_core.gate.metrics import Metric
from churn_core.protocols import LeaderboardRow
from churn_core.train.evaluation.figures import draw, drawable
from churn_core.train.evaluation.numbers import Numbers
from churn_core.train.evaluation.style import to_svg
from churn_core.train.evaluation.tables import headline
from churn_core.train.evaluation.words import money, share, tied
from churn_core.train.leaderboard import read_leaderboard
from churn_core.train.report import sentences
from churn_core.train.report.environment import environment
from churn_core.train.report.sources import Sources
from churn_core.train.report.verdict import fill, last_verdict

__all__ = ["MARKDOWN", "PAGE", "render", "write_report"]

PAGE, MARKDOWN = "report.html", "report.md"

_REJECTS = Path("data/rejects/summary.json")
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


def write_report(folder: Path, manifest: Manifest, figures: Mapping[str, str] | None = None) -> Path:
    """Write `report.html` and `report.md` beside the numbers that they tell.

    The page tells the verdict of `gate.json` too, if there is one about this bundle.

    Args:
        folder: Holds the evaluation, and the leaderboard if there is one.
        figures: As SVG by name, where they have been drawn from these numbers already.

    Returns:
        The page.

    Raises:
        StageError: There is no evaluation in `folder`.
    """
    numbers = Numbers.read(folder)
    files = {"leaderboard": _leaderboard(folder.parent), "rejects": _rejects(folder.parent)}
    if figures is None:
        figures = {name: to_svg(draw(name, numbers)) for name in drawable(numbers)}
    (folder / MARKDOWN).write_text(render(manifest, numbers, **files), encoding="utf-8")
    page = folder / PAGE
    told = render(manifest, numbers, figures=figures, **files)
    page.write_text(fill(told, last_verdict(folder, manifest.digest)), encoding="utf-8")
    return page


def render(
    manifest: Manifest,
    numbers: Numbers,
    leaderboard: Sequence[LeaderboardRow] = (),
    rejects: Mapping[str, Any] | None = None,
    figures: Mapping[str, str] | None = None,
) -> str:
    """The report as one page that needs nothing else; without figures, as Markdown.

    Args:
        rejects: The summary of the rows that were refused.
    """
    metrics, tables, policy = numbers.metrics, numbers.tables, manifest.decision
    marked = figures is not None
    sources = Sources(_files(manifest, numbers, leaderboard, rejects), metrics["currency"], marked)
    featured = sentences.featured(tables["given"])
    context: dict[str, Any] = {
        "asked": sum(row["customers"] for row in tables["offers"]),
        "acceptance": share(policy.acceptance),
        "at": f"plots/given.json#{featured}",
        "bounds": sources.bounds,
        "calibration": sentences.calibration(metrics),
        "costs": policy.costs,
        "featured": featured,
        "figures": {name: Markup(svg) for name, svg in (figures or {}).items()},  # noqa: S704
        "leaderboard": leaderboard,
        "manifest": manifest,
        "metric_rows": _metric_rows(manifest),
        "metrics": metrics,
        "rejects": rejects,
        "show": sources.show,
        "slices": _slices(numbers),
        "tables": tables,
        "typical": money(policy.typical_value, policy.costs.currency),
        "words": sentences,
    }
    template = environment(marked=marked).get_template(f"{PAGE if marked else MARKDOWN}.j2")
    return tied(template.render(context))


def _files(
    manifest: Manifest,
    numbers: Numbers,
    leaderboard: Sequence[LeaderboardRow],
    rejects: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "metrics.json": numbers.metrics,
        "manifest.json": manifest,
        "leaderboard.json": [asdict(row) for row in leaderboard],
        "rejects/summary.json": rejects,
        **{f"plots/{name}.json": rows for name, rows in numbers.tables.items()},
    }


def _leaderboard(root: Path) -> list[LeaderboardRow]:
    try:
        return read_leaderboard(root)
    except TrainingError:
        return []


def _rejects(root: Path) -> dict[str, Any] | None:
    try:
        return json.loads((root / _REJECTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _metric_rows(manifest: Manifest) -> list[dict[str, Any]]:
    """The metrics of the hold-out, and how to tell each."""
    return [
        {
            "name": metric.name,
            "title": metric.title,
            "meaning": sentences.MEANINGS[metric.name],
            "form": ("share", 1) if metric.name in _SHARES else ("number", _digits(metric)),
            "expected": metric.name in manifest.metrics,
        }
        for metric in headline(manifest.decision).values()
    ]


def _digits(metric: Metric) -> int:
    return 2 if metric.name.startswith(_TWO_DIGITS) else 3


def _slices(numbers: Numbers) -> list[tuple[str, list[dict[str, Any]]]]:
    """Groups by field; `off` where predictions miss the churn rate by more than chance explains."""
    rows = [
        {
            **row,
            "at": f"plots/slices.json#{place}",
            "off": row["gap_low"] is not None and not row["gap_low"] <= 0 <= row["gap_high"],
        }
        for place, row in enumerate(numbers.tables["slices"])
    ]
    return [(field, list(group)) for field, group in groupby(rows, key=lambda row: row["field"])]
