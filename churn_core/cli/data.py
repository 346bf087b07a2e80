"""`churn fetch` and `churn prepare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from churn_core.cli.options import pipeline_options, settings
from churn_core.cli.progress import row_counter

__all__ = ["fetch", "prepare"]


@click.command()
@pipeline_options
def fetch(root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Fetch the data set into data/raw."""
    from churn_core.train.fetch import fetch as run

    params = settings(root, params_file, overrides)
    path = run(params, root)
    size = path.stat().st_size
    if as_json:
        click.echo(json.dumps({"path": str(path), "bytes": size}))
    else:
        click.echo(f"data set {params.dataset.name!r}: {path} ({size:,} bytes)")


@click.command()
@pipeline_options
def prepare(root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Validate and split customers; refused rows go to data/rejects."""
    from churn_core.train.prepare import prepare as run

    params = settings(root, params_file, overrides)
    with row_counter("preparing") as on_rows:
        report = run(params, root, on_rows)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    customers = report.train + report.holdout
    rows, rejected = _rows(report.rows), _rows(report.rejected)
    click.echo(f"{rows}: {customers:,} customers, {rejected} refused")
    click.echo(
        f"{report.train:,} to train on, {report.holdout:,} held out; {report.churned / customers:.1%} churned"
    )
    if report.ignored_columns:
        click.echo(f"ignored columns: {', '.join(report.ignored_columns)}")


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
