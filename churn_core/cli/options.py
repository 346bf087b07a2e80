"""Options that the commands of the pipeline share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from churn_core.params import Params, read_params

__all__ = ["pipeline_options", "project_options", "settings"]


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
