"""The command group: finds a command's module by name and turns expected errors into exit 1."""

from __future__ import annotations

import errno
from importlib import import_module
from typing import Any

import click

from churn_core import __version__
from churn_core.errors import ChurnError

# Command -> (module, help). Modules are imported only when their command is typed, so that
# `churn --help` answers at once.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run the whole pipeline, promote the model and answer one prediction."),
    "fetch": ("data", "Fetch the data set into data/raw."),
    "prepare": ("data", "Validate and split customers; refused rows go to data/rejects."),
    "train": ("train", "Train, calibrate and export the candidate bundle."),
    "evaluate": ("evaluate", "Evaluate the candidate bundle on the hold-out."),
    "register": ("registry", "Log the run to MLflow and register the candidate."),
    "gate": ("gate", "Judge a candidate against floors and the champion."),
    "promote": ("registry", "Move the production alias to a model that passed the gate."),
    "rollback": ("registry", "Put the previous production model back."),
    "history": ("registry", "Say what was in production, and when."),
    "check-model": ("registry", "Check that a valid production model exists."),
    "cache": ("delivery", "Bring data and results from DVC's remote, or send them."),
    "summary": ("delivery", "Sum the last training up in Markdown."),
    "bundle": ("bundle", "Export, verify or show a bundle."),
    "policy": ("policy", "Show or change how a bundle decides."),
    "predict": ("predict", "Predict a few customers from a file."),
    "target": ("target", "Choose whom to call, and write the list."),
    "deploy": ("deploy", "Bring an image to AWS Lambda, step by step; see also status and rollback."),
    "image": ("image", "Build, push and scan the image of a bundle."),
    "serve": ("serve", "Serve a bundle over HTTP."),
    "schema": ("inspect", "Show a customer schema."),
    "plugins": ("inspect", "List installed plugins."),
    "doctor": ("inspect", "Check this installation."),
    "synth": ("synth", "Draw synthetic customers of a schema."),
}


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"churn_core.cli.{COMMANDS[cmd_name][0]}")
        return getattr(module, cmd_name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChurnError as error:
            sentence = str(error)
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads on, as in `churn ... | head`
                raise
            sentence = _sentence(error)
        click.echo(f"error: {sentence}", err=True)
        raise click.exceptions.Exit(1)


def _sentence(error: OSError) -> str:
    """What the system refused, by path."""
    if error.filename is None:
        return error.strerror or str(error)
    if isinstance(error, FileExistsError):
        return f"{error.filename} is in the way: it is no directory"
    return f"{error.filename}: {error.strerror}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="churn")
def churn() -> None:
    """From a table of customers to a churn decision that can be trusted."""
