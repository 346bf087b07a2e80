"""`python -m churn_serve`: the service without the `churn` command, as containers start it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from churn_core.errors import ChurnError
from churn_serve.errors import SettingsError
from churn_serve.server import run
from churn_serve.settings import Settings
from churn_serve.source import open_model

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a bundle; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment()
        bundle = options.bundle or settings.bundle
        if not bundle:
            raise SettingsError("name the bundle to serve with --bundle or CHURN_BUNDLE")
        if options.workers:
            settings = settings.model_copy(update={"workers": options.workers})
        opened = open_model(bundle, settings)
        if opened.problem:
            print(f"note: {opened.problem}; {opened.source.note}", file=sys.stderr)  # noqa: T201
        run(opened.scorer, options.host, options.port, settings, on_start=_announce, source=opened.source)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _announce(address: str) -> None:
    print(f"serving at {address}", flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m churn_serve", description="Serve a bundle over HTTP.")
    parser.add_argument("--bundle", default="", help="folder, models:/name@alias or models:/name/version")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free port")
    parser.add_argument("--workers", type=_positive, help="processes; default: CHURN_WORKERS, or 1")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
