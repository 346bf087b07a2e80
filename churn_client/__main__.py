"""`python -m churn_client`: ask a churn service from the command line.

The service is the one in `CHURN_API_URL`, or `--url`; the key is taken from `CHURN_API_KEY` alone, since
command lines can be read by others. Answers are JSON on standard output. Exit codes: 0 done, 1 refused or
failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from typing import Any, TextIO, get_args

from pydantic import BaseModel

from churn_client._client import ChurnClient
from churn_client._errors import RowError
from churn_core.errors import ChurnError
from churn_core.schemas import LanguageName

__all__ = ["main"]


class _NotReadable(ChurnError):
    """The customers cannot be read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        with ChurnClient(asked.url) as client:
            return asked.do(client, asked)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)  # noqa: T201
    return 1


def _predict(client: ChurnClient, asked: argparse.Namespace) -> int:
    options = {name: getattr(asked, name) for name in ("explain", "interval", "action", "language")}
    with ExitStack() as stack:
        file = _open(asked.file, stack)
        begin = _begin(file)
        one = _whole(begin, file)
        if one is not None:
            _say(client.predict(one, **options), indent=2)
            return 0
        refused = 0
        for answer in client.predict_many(map(_row, chain(begin, _lines(file))), **options):
            refused += isinstance(answer, RowError)
            _say(_refusal(answer) if isinstance(answer, RowError) else answer)
    if refused:
        print(f"error: {refused} customers have no prediction", file=sys.stderr)  # noqa: T201
    return min(refused, 1)


def _describe(client: ChurnClient, asked: argparse.Namespace) -> int:
    _say(client.model() if asked.command == "model" else client.schema(), indent=2)
    return 0


def _ready(client: ChurnClient, _: argparse.Namespace) -> int:
    ready = client.ready()
    _say({"ready": ready})
    return 0 if ready else 1


def _open(path: str, stack: ExitStack) -> TextIO:
    if path == "-":
        return sys.stdin
    try:
        return stack.enter_context(open(path, encoding="utf-8-sig"))  # noqa: PTH123 - the path is the user's text
    except OSError as error:
        raise _NotReadable(f"{path} cannot be read: {error.strerror}") from None


def _lines(file: TextIO) -> Iterator[str]:
    """The lines that are not blank."""
    try:
        yield from (line for line in file if line.strip())
    except UnicodeDecodeError:
        raise _NotReadable("the customers are not written in UTF-8") from None


def _begin(file: TextIO) -> list[str]:
    """As many lines as tell one customer from many: the first two."""
    return list(islice(_lines(file), 2))


def _whole(begin: Sequence[str], file: TextIO) -> dict[str, Any] | None:
    """The one customer of a file; none where each line is one."""
    if not begin:
        raise _NotReadable("there is no customer")
    if len(begin) == 2 and _is_object(begin[0]):
        return None
    try:
        found = json.loads("".join(chain(begin, _lines(file))))
    except ValueError as error:
        raise _NotReadable(f"the customer is not valid JSON: {error}") from None
    except RecursionError:
        raise _NotReadable("the customer is not valid JSON: it is nested too deeply") from None
    if not isinstance(found, dict):
        raise _NotReadable("the customer is not a JSON object: write many as JSON lines, one in each line")
    return found  # type: ignore[return-value]


def _is_object(line: str) -> bool:
    return isinstance(_row(line), dict)


def _row(line: str) -> Any:
    """A customer; a line that is no JSON is left as it is, for the client to refuse."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _refusal(error: RowError) -> dict[str, Any]:
    return {"index": error.index, "errors": [problem._asdict() for problem in error.problems]}


def _say(answer: BaseModel | dict[str, Any], indent: int | None = None) -> None:
    text = answer.model_dump_json(indent=indent) if isinstance(answer, BaseModel) else json.dumps(answer)
    print(text, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--url", help="address of the service, in place of CHURN_API_URL")
    parser = argparse.ArgumentParser(
        prog="python -m churn_client",
        description="Ask a churn service. The key is taken from CHURN_API_KEY.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    about = {
        "predict": ("will this customer leave?", _predict),
        "model": ("which model answers", _describe),
        "schema": ("which customers are answered", _describe),
        "ready": ("whether the service is ready; exit code 1 if not", _ready),
    }
    for name, (words, do) in about.items():
        command = commands.add_parser(
            name, parents=[common], help=words, description=words, allow_abbrev=False
        )
        command.set_defaults(do=do)
        if name == "predict":
            _add_wishes(command)
    return parser


def _add_wishes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", help="JSON of one customer, or a customer in each line; - for standard input"
    )
    command.add_argument("--no-explain", dest="explain", action="store_false", help="without reasons")
    command.add_argument("--interval", action="store_true", help="how sure the probability is")
    command.add_argument("--action", action="store_true", help="what could keep the customer")
    command.add_argument("--language", choices=get_args(LanguageName), default="en", help="of all texts")


if __name__ == "__main__":
    sys.exit(main())
