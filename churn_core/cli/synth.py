"""`churn synth`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from churn_core import registry
from churn_core.cli.progress import row_counter

__all__ = ["synth"]

_ENOUGH = 100_000


@click.command()
@click.argument("schema")
@click.option("--rows", type=click.IntRange(min=1), required=True, help="How many customers.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--out", type=Path, required=True, metavar="FILE", help="Ends in .csv or .parquet.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def synth(schema: str, rows: int, seed: int, out: Path, as_json: bool) -> None:
    """Draw synthetic customers of SCHEMA, with outcomes."""
    from churn_core.train.synth import synth as run

    spec = registry.get("schemas", schema).spec
    started = time.perf_counter()
    with row_counter("drawing", rows) as on_rows:
        run(spec, rows, seed, out, on_rows)
    seconds = time.perf_counter() - started
    if as_json:
        answer = {"path": str(out), "rows": rows, "seed": seed, "seconds": round(seconds, 3)}
        click.echo(json.dumps(answer))
    else:
        # The rate of a few rows is that of starting up.
        rate = f" ({rows / seconds:,.0f} rows/s)" if rows >= _ENOUGH else ""
        click.echo(f"{rows:,} {'customer' if rows == 1 else 'customers'} of schema {schema!r} in {out}{rate}")
