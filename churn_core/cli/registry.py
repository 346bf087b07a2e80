"""`churn register`, `promote`, `rollback`, `history` and `check-model`."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_core.cli.options import pipeline_options, settings

if TYPE_CHECKING:
    from churn_core.params import Params
    from churn_core.tracking import Entry

__all__ = ["check_model", "history", "promote", "register", "rollback"]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


_who = click.option("--who", default="", metavar="NAME", help="Who answers for it; default: the user's name.")
_reason = click.option("--reason", default="", metavar="TEXT", help="Why; kept in the log.")


@click.command()
@click.option(
    "--bundle",
    type=Path,
    metavar="DIR",
    help="A bundle of your own, as by `churn policy set`; default: models/candidate.",
)
@pipeline_options
def register(
    bundle: Path | None, root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Log the run to MLflow and register the candidate."""
    from churn_core.tracking import register as run

    done = run(settings(root, params_file, overrides), root, bundle)
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    what = "registered" if done.created else "registered before"
    click.echo(
        f"{what}: version {done.version} of {done.model} (bundle {done.digest[:12]}, run {done.run_id})"
    )


@click.command()
@click.argument("ref", default="candidate")
@_who
@_reason
@click.option("--override", is_flag=True, help="Overrule the gate; needs --who and --reason.")
@pipeline_options
def promote(
    ref: str,
    who: str,
    reason: str,
    override: bool,
    root: Path,
    params_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Move the production alias to a model that passed the gate.

    REF is an alias, a version number, or models:/name/version; default: candidate.
    """
    from churn_core.tracking import history as log
    from churn_core.tracking import promote as run

    params = settings(root, params_file, overrides)
    by = who if override else who or _user()
    before = len(log(params, root))
    entry = run(params, root, ref, who=by, reason=reason, override=override)
    if as_json or entry.number > before:
        _show(entry, as_json)
    else:
        click.echo(f"version {entry.to_version} is in production already")


@click.command()
@_who
@_reason
@pipeline_options
def rollback(
    who: str, reason: str, root: Path, params_file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Put the previous production model back."""
    from churn_core.tracking import rollback as run

    _show(run(settings(root, params_file, overrides), root, who=who or _user(), reason=reason), as_json)


@click.command()
@click.option("--at", "at", default="", metavar="TIME", help="What was live then, as 2026-03-01T12:00 (UTC).")
@click.option(
    "--export", "to", type=Path, metavar="FILE", help="Write the whole log here, to carry it elsewhere."
)
@click.option(
    "--import", "source", type=Path, metavar="FILE", help="Take over a log that another registry exported."
)
@pipeline_options
def history(
    at: str,
    to: Path | None,
    source: Path | None,
    root: Path,
    params_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what was in production, and when."""
    from churn_core.tracking import export_log, live
    from churn_core.tracking import history as run

    if sum(map(bool, (at, to, source))) > 1:
        raise click.UsageError("--at, --export and --import are asked one at a time")
    params = settings(root, params_file, overrides)
    if to:
        to.write_bytes(export_log(params, root))
    if source:
        _take_over(params, root, source)
    if at:
        entry = live(params, root, at=_time(at))
        entries = [entry] if entry else []
    else:
        entries = list(run(params, root))
    if as_json:
        click.echo(json.dumps([_content(entry) for entry in entries]))
        return
    for entry in entries:
        click.echo(_line(entry))
    if not entries:
        click.echo(f"nothing was in production{' then' if at else ''}")


def _take_over(params: Params, root: Path, source: Path) -> None:
    from churn_core.tracking import import_log

    for entry in import_log(params, root, data=source.read_bytes()):
        click.echo(
            f"note: the bundle {entry.bundle[:12]} of entry {entry.number} is not registered here, so there "
            "is no way back to it",
            err=True,
        )


@click.command("check-model")
@click.option("--allow-override", is_flag=True, help="Accept a model promoted over the gate's refusal.")
@pipeline_options
@click.pass_context
def check_model(
    ctx: click.Context,
    allow_override: bool,
    root: Path,
    params_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check that a valid production model exists."""
    from churn_core.tracking import check_model as run

    found = run(settings(root, params_file, overrides), root, allow_override=allow_override)
    if as_json:
        answer = {"model": found.model, "version": found.version, "digest": found.digest}
        click.echo(json.dumps({"passed": found.passed, **answer, "problems": found.problems}))
    elif found.passed:
        click.echo(f"version {found.version} of {found.model} is whole and fit for production")
    else:
        for problem in found.problems:
            click.echo(f"not fit for production: {problem}", err=True)
    ctx.exit(0 if found.passed else 1)


def _show(entry: Entry, as_json: bool) -> None:
    click.echo(json.dumps(_content(entry)) if as_json else _line(entry))


def _content(entry: Entry) -> dict[str, object]:
    return {**entry.model_dump(mode="json"), "digest": entry.digest}


def _line(entry: Entry) -> str:
    when = f"{entry.when:%Y-%m-%d %H:%M:%S} UTC"
    came = f" (before: version {entry.from_version})" if entry.from_version else ""
    how = ", over the gate's refusal" if entry.override else ""
    why = f": {entry.why}" if entry.why else ""
    what = "rolled back" if entry.action == "rollback" else "promoted"
    return f"{when}  version {entry.to_version} {what} by {entry.who}{how}{why}{came}"


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time such as 2026-03-01T12:00", param_hint="--at") from None
