"""`churn target`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from churn_core.cli.options import bundle_option, language_option
from churn_core.cli.serve import default_bundle
from churn_core.cli.table import aligned

if TYPE_CHECKING:
    from churn_core.batch.target import CallList

__all__ = ["target"]

_WORST = 3


@click.command()
@click.argument("file", type=Path)
@click.option(
    "--out", type=Path, required=True, metavar="LIST", help="Ends in .csv, .jsonl, .ndjson or .parquet."
)
@click.option("--capacity", type=click.IntRange(min=0), metavar="N", help="How many can be called.")
@click.option("--budget", type=click.FloatRange(min=0), metavar="AMOUNT", help="What calls may cost.")
@bundle_option
@click.option(
    "--reasons", type=click.IntRange(min=0), default=3, show_default=True, help="For each customer."
)
@language_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def target(file: Path, out: Path, bundle: str, as_json: bool, **choice: Any) -> None:
    """Choose whom to call among the customers in FILE, and write the list.

    FILE is CSV, JSON, JSON lines or Parquet in any spelling that the model's schema knows. With neither
    --capacity nor --budget, all who are expected to bring something are on the list. Rows that do not fit
    go to a file beside it, with their reasons.
    """
    if choice["capacity"] is not None and choice["budget"] is not None:
        raise click.UsageError("--capacity and --budget exclude each other")
    import churn_core
    from churn_core.batch.target import target as run

    done = run(churn_core.load(bundle or default_bundle()), file, out, **choice)
    if as_json:
        click.echo(done.model_dump_json())
    else:
        _show(done)


def _show(done: CallList) -> None:
    money = f"{{:,.2f}} {done.currency}".format
    rows = [("expected profit", money(done.expected_profit)), ("expected cost", money(done.expected_cost))]
    if done.bound > done.expected_profit:
        rows.insert(1, ("at most possible", money(done.bound)))
    if done.next_profit is not None and done.next_cost is not None:
        rows.append(
            ("the next call", f"would bring {money(done.next_profit)} and cost {money(done.next_cost)}")
        )
    if done.refused:
        rows.append(("refused rows", f"{done.refused:,}, see {done.rejects}"))
    click.echo(f"{done.contacts:,} of {done.customers:,} customers to call, in {done.out}")
    for line in aligned(rows):
        click.echo(line)
    for problem, times in list(done.problems.items())[:_WORST]:
        click.echo(f"  {times:,} x {problem}")
