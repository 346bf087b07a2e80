"""Tables: drawn by rich on a terminal, plain columns everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

__all__ = ["aligned", "print_table"]


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of texts under a head."""
    if sys.stdout.isatty():
        _draw(head, rows)
        return
    for line in aligned([head, *rows]):
        click.echo(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of texts as lines in which columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return ["  ".join(row).rstrip() for row in cells]


def _draw(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
