"""Progress bars, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["StepBar", "row_counter", "step_bar"]


@contextmanager
def row_counter(what: str, total: int | None = None) -> Generator[Callable[[int], None] | None]:
    """Something to tell how many more rows are done; `None` where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda rows: bar.advance(task, rows)


class StepBar:
    """Draws the progress of work in steps, as `churn_core.protocols.Progress` tells it."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task: Any = None

    def start(self, total: int, what: str) -> None:
        self._task = self._bar.add_task(what, total=total)

    def step(self, what: str) -> None:
        """A step begins: the one before it is done."""
        begun = self._bar.tasks[self._task].fields.get("begun", False)
        self._bar.update(self._task, description=what, advance=int(begun), begun=True)


@contextmanager
def step_bar() -> Generator[StepBar | None]:
    """Something to tell which step is being done; `None` where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield StepBar(bar)
