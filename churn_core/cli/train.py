"""`churn train`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_core.cli.options import pipeline_options, settings
from churn_core.cli.progress import step_bar

if TYPE_CHECKING:
    from churn_core.bundle import Bundle
    from churn_core.protocols import LeaderboardRow

__all__ = ["show_leaderboard", "train"]

_COLUMNS = ("model", "ROC AUC", "log loss", "Brier", "acc.", "F1", "weight")  # 80 characters wide


@click.command()
@pipeline_options
def train(root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Train, calibrate and export the candidate bundle."""
    from churn_core.train import run
    from churn_core.train.leaderboard import read_leaderboard

    params = settings(root, params_file, overrides)
    with step_bar() as progress:
        bundle = run(params, root, progress)
    rows = read_leaderboard(root)
    if as_json:
        click.echo(json.dumps(_answer(bundle, rows)))
        return
    show_leaderboard(rows)
    _show_bundle(bundle)


def show_leaderboard(rows: Sequence[LeaderboardRow]) -> None:
    """Print the compared models, the best first: a table on a terminal, else plain columns."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row), style="bold" if row.chosen else None)
    console.print(table)
    for row in rows:
        if row.note:
            click.echo(f"{row.model}: {row.note}")


def _cells(row: LeaderboardRow) -> list[str]:
    def figure(name: str, digits: int = 4, spread: bool = False) -> str:
        if name not in row.metrics:
            return "-"
        error = f" ±{row.spread[name]:.3f}" if spread else ""
        return f"{row.metrics[name]:.{digits}f}{error}"

    return [
        row.model,
        figure("roc_auc", spread=True),
        figure("log_loss", spread=True),
        figure("brier"),
        figure("accuracy", 3),
        figure("f1", 3),
        f"{row.weight:.2f}" if row.chosen else "",
    ]


def _show_bundle(bundle: Bundle) -> None:
    manifest = bundle.manifest
    rows = manifest.lineage.train_rows
    click.echo(f"bundle {bundle.folder} ({manifest.digest[:12]}); out of fold on {rows:,} training rows:")
    for name, metric in manifest.metrics.items():
        click.echo(f"  {name:<9} {metric.value:.4f}  95 % interval {metric.low:.4f} to {metric.high:.4f}")
    parity = manifest.parity
    click.echo(
        f"  graph and estimators differ by {parity.max_difference:.1e} at most, on {parity.rows:,} rows"
    )


def _answer(bundle: Bundle, rows: Sequence[LeaderboardRow]) -> dict[str, object]:
    manifest = bundle.manifest
    return {
        "bundle": str(bundle.folder),
        "digest": manifest.digest,
        "metrics": {name: metric.model_dump() for name, metric in manifest.metrics.items()},
        "parity": manifest.parity.model_dump(),
        "leaderboard": [_record(row) for row in rows],
    }


def _record(row: LeaderboardRow) -> dict[str, object]:
    return {name: value for name, value in asdict(row).items() if name != "seconds"}
