"""`churn evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_core.cli.options import pipeline_options, settings
from churn_core.cli.progress import step_bar
from churn_core.cli.table import print_table

if TYPE_CHECKING:
    from churn_core.train.evaluation import Evaluation

__all__ = ["evaluate", "show_evaluation"]


@click.command()
@pipeline_options
def evaluate(root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Evaluate the candidate bundle on the hold-out.

    Writes metrics, plots, figures, predictions and report.html to outputs/. With --json, prints
    the content of metrics.json.
    """
    from churn_core.train.evaluation import evaluate as run

    params = settings(root, params_file, overrides)
    with step_bar() as progress:
        evaluation = run(params, root, progress)
    if as_json:
        click.echo(evaluation.metrics_file.read_text(encoding="utf-8"), nl=False)
        return
    show_evaluation(evaluation)


def show_evaluation(evaluation: Evaluation) -> None:
    """Print the metrics with their intervals, and where the files lie."""
    from churn_core.train.evaluation.words import between, number

    metrics = evaluation.numbers.metrics
    rows = [
        (metric.title, number(metrics[name]["value"], 4), between(metrics[name], 4))
        for name, metric in evaluation.headline.items()
    ]
    click.echo(
        f"bundle {metrics['bundle'][:12]} on {metrics['holdout_rows']:,} hold-out customers, "
        f"{metrics['holdout_churners']:,} of whom left; threshold {metrics['threshold']:g}, "
        f"profit in {metrics['currency']}"
    )
    print_table(("metric", "value", "95 % interval"), rows)
    click.echo(f"metrics  {evaluation.metrics_file}")
    click.echo(f"figures  {evaluation.figures}")
    click.echo(f"report   {evaluation.report}")
