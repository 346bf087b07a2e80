"""Tables: drawn by rich on a terminal, plain columns everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

__all__ = ["print_table"]


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of texts under a head."""
    if sys.stdout.isatty():
        _draw(head, rows)
        return
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _draw(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
