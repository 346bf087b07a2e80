"""`churn predict`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import click

from churn_core.batch.customers import Row, read_customers
from churn_core.cli.options import bundle_option, language_option
from churn_core.cli.serve import default_bundle
from churn_core.cli.table import aligned, print_table
from churn_core.errors import DataError
from churn_core.schemas import ChurnPrediction, FieldProblem, SchemaSpec

__all__ = ["predict"]

_AT_ONCE = 500
_REASONS = 3
_TEXTS = {"explain", "action"}


_Answer = ChurnPrediction | tuple[FieldProblem, ...]
# Arguments of `predict_many`, which a bundle and a client share.
_Wanted = Mapping[str, Any]


class _Oracle(Protocol):
    """Whoever answers: a bundle in this process, or a service."""

    spec: SchemaSpec

    def ask(self, customers: Sequence[Any], wanted: _Wanted) -> Iterable[_Answer]: ...


@click.command()
@click.argument("file", type=Path)
@bundle_option
@click.option("--url", default="", metavar="URL", help="Ask a service; its key is read from CHURN_API_KEY.")
@click.option("--explain", is_flag=True, help="Say why.")
@click.option("--interval", is_flag=True, help="Say how sure the probability is.")
@click.option("--action", is_flag=True, help="Say what could keep the customer.")
@language_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as without a terminal.")
def predict(file: Path, bundle: str, url: str, as_json: bool, language: str, **flags: bool) -> None:
    """Predict the customers in FILE.

    FILE is CSV, JSON, JSON lines or Parquet in any spelling that the model's schema knows. Rows that
    do not fit are named with their number, counted from 1, and the command ends with 1.
    """
    if bundle and url:
        raise click.UsageError("--bundle and --url exclude each other")
    with _oracle(bundle, url) as oracle:
        rows = read_customers(file, oracle.spec)
        asked = {name: True for name, is_asked in flags.items() if is_asked}
        answers = _answers(oracle, rows, {**asked, "language": language})
        refused, total = _print_all(answers, as_json or not _on_terminal(), set(asked))
    if not total:
        raise DataError(f"{file} has no rows")
    if refused:
        raise DataError(f"{refused} of {total} rows of {file} do not fit the schema")


def _on_terminal() -> bool:
    return sys.stdout.isatty()


@contextmanager
def _oracle(bundle: str, url: str) -> Iterator[_Oracle]:
    if url:
        from churn_client import ChurnClient

        with ChurnClient(url) as client:
            yield _Service(client)
    else:
        import churn_core

        yield _Bundle(churn_core.load(bundle or default_bundle()))


class _Bundle:
    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer
        self.spec: SchemaSpec = scorer.bundle.schema_spec

    def ask(self, customers: Sequence[Any], wanted: _Wanted) -> Iterable[ChurnPrediction]:
        return self._scorer.predict_many(customers, **wanted)


class _Service:
    def __init__(self, client: Any) -> None:
        self._client = client
        self.spec: SchemaSpec = client.schema().spec

    def ask(self, customers: Sequence[Any], wanted: _Wanted) -> Iterator[_Answer]:
        for answer in self._client.predict_many(customers, **wanted):
            yield answer if isinstance(answer, ChurnPrediction) else answer.problems


def _answers(oracle: _Oracle, rows: Iterator[Row], wanted: _Wanted) -> Iterator[tuple[int, _Answer]]:
    """Row by row: its number, and the answer or what is wrong.

    Raises:
        DataError: From some row on, the file cannot be read; all rows before it are answered.
    """
    more = True
    while more:
        some, fault = _some(rows)
        good = [row.customer for row in some if row.customer is not None]
        answers = iter(oracle.ask(good, wanted))
        for row in some:
            yield row.number, (row.problems if row.customer is None else next(answers))
        if fault:
            raise fault
        more = bool(some)


def _some(rows: Iterator[Row]) -> tuple[list[Row], DataError | None]:
    """The next rows, and what prevents further ones."""
    some: list[Row] = []
    try:
        some.extend(islice(rows, _AT_ONCE))
    except DataError as error:
        return some, error
    return some, None


def _print_all(
    answers: Iterator[tuple[int, _Answer]], as_json: bool, asked: Collection[str]
) -> tuple[int, int]:
    """Print answers, and problems to standard error; count refused rows and all rows."""
    refused, total = 0, 0
    good: list[ChurnPrediction] = []
    try:
        for number, answer in answers:
            total += 1
            if not isinstance(answer, ChurnPrediction):
                refused += 1
                click.echo(f"row {number}: {'; '.join(map(str, answer))}", err=True)
            elif as_json:
                click.echo(answer.model_dump_json())
            else:
                good.append(answer)
    finally:  # what was answered before a failure is worth reading too
        if good:
            _show(good, asked)
    return refused, total


def _show(answers: Sequence[ChurnPrediction], asked: Collection[str]) -> None:
    """A table of numbers; texts need the whole width, below each customer's own."""
    coverage = next((f"{100 * answer.interval.coverage:g}% " for answer in answers if answer.interval), "")
    head = ["customer", "churn", f"{coverage}interval", "risk", "call", "profit of a call"]
    rows = [_cells(answer) for answer in answers]
    if "interval" not in asked:
        for row in (head, *rows):
            del row[2]
    if _TEXTS.isdisjoint(asked):
        print_table(head, rows)
        return
    first, *lines = aligned([head, *rows])
    click.echo(first)
    for line, answer in zip(lines, answers, strict=True):
        click.echo(line)
        _show_texts(answer)
    for note in dict.fromkeys(answer.action.note for answer in answers if answer.action):
        click.echo(f"\n{_folded(note, '')}")


def _cells(answer: ChurnPrediction) -> list[str]:
    interval = answer.interval
    return [
        answer.customer_id,
        f"{answer.churn_probability:.1%}",
        f"{interval.low:.1%} - {interval.high:.1%}" if interval else "",
        answer.churn_risk,
        "yes" if answer.churn_prediction else "no",
        f"{answer.expected_profit:.2f}",
    ]


def _show_texts(answer: ChurnPrediction) -> None:
    for reason in answer.reasons[:_REASONS]:
        click.echo(_folded(reason.text, f"  {reason.effect:+.2f}  "))
    if answer.action:
        click.echo(_folded(answer.action.text, "  action "))


def _folded(text: str, label: str) -> str:
    width, indent = shutil.get_terminal_size().columns, " " * len(label)
    return textwrap.fill(text, width, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False)
