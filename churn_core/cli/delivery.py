"""`churn cache` and `churn summary`: what workflows call beside the stages."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["cache", "summary"]

_root = click.option(
    "--root", type=Path, default=Path(), metavar="DIR", help="The project's folder; default: here."
)


@click.group()
def cache() -> None:
    """Data and results of stages, to and from DVC's remote."""


@cache.command()
@_root
def pull(root: Path) -> None:
    """Fetch what others have made, where a remote is configured."""
    from churn_core.delivery import pull as run

    click.echo(run(root).text)


@cache.command()
@_root
def push(root: Path) -> None:
    """Send what was made here, where a remote is configured."""
    from churn_core.delivery import push as run

    click.echo(run(root).text)


@click.command()
@click.option("--base", type=Path, metavar="FILE", help="The metrics.json to compare with, if it is there.")
@click.option("--base-name", default="the base branch", show_default=True, help="What it is called.")
@click.option("--out", type=Path, metavar="FILE", help="Write it here; default: print it.")
@click.option("--append", type=Path, metavar="FILE", help="Add it to this file, such as a step summary.")
@_root
def summary(base: Path | None, base_name: str, out: Path | None, append: Path | None, root: Path) -> None:
    """Metrics, verdict and curves of the last training, in Markdown."""
    from churn_core.delivery import summary as run

    text = run(root / "outputs", base, base_name)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    if append:
        with append.open("a", encoding="utf-8") as file:
            file.write(text)
    if not out and not append:
        click.echo(text, nl=False)
