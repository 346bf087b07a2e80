"""`churn gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_core.cli.options import project_options, settings

if TYPE_CHECKING:
    from churn_core.gate import Verdict

__all__ = ["gate", "show_verdict"]

_STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "skip": "dim"}


@click.command()
@click.option("--candidate", default="", metavar="REF", help="Default: models/candidate.")
@click.option(
    "--champion", default="", metavar="REF", help="Default: the model in production; `none` for no champion."
)
@click.option(
    "--json", "json_file", type=Path, metavar="FILE", help="Write the verdict here too; - to print it."
)
@click.option("--markdown", "markdown_file", type=Path, metavar="FILE", help="Write the page here too.")
@click.option(
    "--new-key",
    type=Path,
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, file: _make_key(ctx, file),
    help="Judge nothing: write a new signing key to FILE, and print the public key for gate.signers.",
)
@project_options
@click.pass_context
def gate(
    ctx: click.Context,
    candidate: str,
    champion: str,
    json_file: Path | None,
    markdown_file: Path | None,
    root: Path,
    params_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Judge a candidate against floors and the champion.

    REF is a folder, models:/name@alias or models:/name/version. The verdict is always written
    to outputs/gate.json and outputs/gate.md, and signed where CHURN_SIGNING_KEY or
    CHURN_SIGNING_KEY_FILE is set. Ends with 0 if the candidate passed, with 1 if it is refused.
    """
    from churn_core.gate import markdown
    from churn_core.tracking import gate_candidate

    params = settings(root, params_file, overrides)
    verdict = gate_candidate(params, root, candidate, champion)
    if markdown_file:
        markdown_file.write_text(markdown(verdict), encoding="utf-8")
    if json_file == Path("-"):
        click.echo(verdict.to_bytes(), nl=False)
    else:
        if json_file:
            json_file.write_bytes(verdict.to_bytes())
        show_verdict(verdict)
        _tell_signature(root, verdict)
    ctx.exit(0 if verdict.passed else 1)


def _make_key(ctx: click.Context, file: Path | None) -> None:
    if file is None:
        return
    from churn_core.tracking import make_key

    click.echo(make_key(file))
    ctx.exit()


def show_verdict(verdict: Verdict) -> None:
    """Print a verdict: with all numbers on a terminal, else one line a check."""
    import sys

    from churn_core.gate import headline

    if sys.stdout.isatty():
        _draw(verdict)
    else:
        for result in verdict.results:
            click.echo(f"{result.status:5}{result.name}: {result.sentence}")
    click.echo(headline(verdict))


def _draw(verdict: Verdict) -> None:
    """Findings, then what was measured and what was asked of it; readable in 80 columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from churn_core.gate.render import measurements

    findings = Table("Check", "Result", "Finding", box=box.SIMPLE_HEAD, pad_edge=False)
    measures = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Measure", "Value", "95 % interval", "Asked"):
        measures.add_column(name, justify="right" if name == "Value" else "left", overflow="fold")
    for result in verdict.results:
        style = _STYLES[result.status]
        lines = [result.sentence, *(f"- {detail}" for detail in result.details if result.status != "pass")]
        findings.add_row(Text(result.name), Text(result.status, style=style), Text("\n".join(lines)))
        bounded = [row for row in measurements(result) if row[2] or row[3]]
        if bounded:
            measures.add_row(Text(result.name, style="bold"))
        for row in bounded:
            measures.add_row(Text(f"  {row[0]}"), *map(Text, row[1:]))
    console = Console()
    console.print(findings)
    if measures.row_count:
        console.print(measures)


def _tell_signature(root: Path, verdict: Verdict) -> None:
    from churn_core.tracking import read_seal

    sealed = read_seal((root / "outputs/gate.seal").read_bytes(), verdict.digest)
    if sealed.signer:
        click.echo(f"signed by {sealed.signer}")
