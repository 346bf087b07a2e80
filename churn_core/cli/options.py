"""Options that the commands of the pipeline share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from churn_core.params import Params, read_params
from churn_core.schemas import LanguageName

__all__ = ["bundle_option", "language_option", "pipeline_options", "project_options", "settings"]


bundle_option = click.option(
    "--bundle",
    default="",
    metavar="REF",
    help="Default: the model in production, or models/candidate where none ever was.",
)
language_option = click.option(
    "--language",
    type=click.Choice(get_args(LanguageName)),
    default="en",
    show_default=True,
    help="Of reasons and actions.",
)


def pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--root`, `--params`, `--set` and `--json`."""
    return project_options(click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command))


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--root`, `--params` and `--set`; `settings` makes them into parameters."""
    for option in (
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="SECTION.KEY=VALUE",
            help="Override a value of the parameters; can be given several times.",
        ),
        click.option(
            "--params", "params_file", type=Path, metavar="FILE", help="Default: params.yaml in the root."
        ),
        click.option("--root", type=Path, default=Path(), metavar="DIR", help="The project's folder."),
    ):
        command = option(command)
    return command


def settings(root: Path, params_file: Path | None, overrides: tuple[str, ...]) -> Params:
    """The parameters that the shared options name."""
    return read_params(params_file or root / "params.yaml", overrides)
