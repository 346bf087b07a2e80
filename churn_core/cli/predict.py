"""`churn predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import click

from churn_core.cli.rows import Row, read_customers
from churn_core.cli.serve import default_bundle
from churn_core.errors import DataError
from churn_core.schemas import ChurnPrediction, FieldProblem, SchemaSpec

__all__ = ["predict"]

_AT_ONCE = 500
_REASONS = 3


class _Oracle(Protocol):
    """Whoever answers: a bundle in this process, or a service."""

    spec: SchemaSpec

    def ask(
        self, customers: Sequence[Any], explain: bool
    ) -> Iterable[ChurnPrediction | tuple[FieldProblem, ...]]: ...


@click.command()
@click.argument("file", type=Path)
@click.option(
    "--bundle",
    default="",
    metavar="REF",
    help="Default: the model in production, or models/candidate where none ever was.",
)
@click.option("--url", default="", metavar="URL", help="Ask a service; its key is read from CHURN_API_KEY.")
@click.option("--explain", is_flag=True, help="Say why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as without a terminal.")
def predict(file: Path, bundle: str, url: str, explain: bool, as_json: bool) -> None:
    """Predict the customers in FILE.

    FILE is CSV, JSON, JSON lines or Parquet in any spelling that the model's schema knows. Rows that
    do not fit are named with their number, counted from 1, and the command ends with 1.
    """
    if bundle and url:
        raise click.UsageError("--bundle and --url exclude each other")
    with _oracle(bundle, url) as oracle:
        rows = read_customers(file, oracle.spec)
        answers = _answers(oracle, rows, explain)
        refused, total = _print_all(answers, as_json or not _on_terminal(), explain)
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

    def ask(self, customers: Sequence[Any], explain: bool) -> Iterable[ChurnPrediction]:
        return self._scorer.predict_many(customers, explain=explain)


class _Service:
    def __init__(self, client: Any) -> None:
        self._client = client
        self.spec: SchemaSpec = client.schema().spec

    def ask(
        self, customers: Sequence[Any], explain: bool
    ) -> Iterator[ChurnPrediction | tuple[FieldProblem, ...]]:
        for answer in self._client.predict_many(customers, explain=explain):
            yield answer if isinstance(answer, ChurnPrediction) else answer.problems


def _answers(
    oracle: _Oracle, rows: Iterator[Row], explain: bool
) -> Iterator[tuple[int, ChurnPrediction | tuple[FieldProblem, ...]]]:
    """Row by row: its number, and the answer or what is wrong.

    Raises:
        DataError: From some row on, the file cannot be read; all rows before it are answered.
    """
    more = True
    while more:
        some, fault = _some(rows)
        good = [row.customer for row in some if row.customer is not None]
        answers = iter(oracle.ask(good, explain))
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
    answers: Iterator[tuple[int, ChurnPrediction | tuple[FieldProblem, ...]]], as_json: bool, explain: bool
) -> tuple[int, int]:
    """Print answers, and problems to standard error; count refused rows and all rows."""
    refused, total = 0, 0
    table: list[tuple[str, ...]] = []
    try:
        for number, answer in answers:
            total += 1
            if not isinstance(answer, ChurnPrediction):
                refused += 1
                click.echo(f"row {number}: {'; '.join(map(str, answer))}", err=True)
            elif as_json:
                click.echo(answer.model_dump_json())
            else:
                table.append(_cells(answer))
    finally:  # what was answered before a failure is worth reading too
        _print_table(table, explain)
    return refused, total


def _print_table(table: Sequence[tuple[str, ...]], explain: bool) -> None:
    if table:
        from churn_core.cli.table import print_table

        head = ("customer", "churn", "risk", "call", "profit of a call")
        print_table((*head, "because") if explain else head, (row if explain else row[:-1] for row in table))


def _cells(answer: ChurnPrediction) -> tuple[str, ...]:
    return (
        answer.customer_id,
        f"{answer.churn_probability:.1%}",
        answer.churn_risk,
        "yes" if answer.churn_prediction else "no",
        f"{answer.expected_profit:.2f}",
        ", ".join(f"{r.feature} {r.value} ({r.effect:+.2f})" for r in answer.reasons[:_REASONS]),
    )
