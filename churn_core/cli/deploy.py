"""`churn deploy`, `churn deploy status` and `churn deploy rollback`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from churn_core.errors import ChurnError

if TYPE_CHECKING:
    from churn_serve.deploy import Outcome, Wanted

__all__ = ["deploy"]

# What status and rollback need no image for.
_ANY = "any@sha256:" + "0" * 64


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        click.option("--alias", default="live", show_default=True, help="What callers call."),
        click.option("--function", envvar="LAMBDA_FUNCTION_NAME", metavar="NAME", help="On AWS Lambda."),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.option("--image", default="", metavar="URI", help="In ECR, by digest: ...@sha256:...")
@click.option(
    "--bundle", default="build/model", show_default=True, metavar="REF", help="What is in the image."
)
@click.option("--role", default="", metavar="ARN", help="As whom the function runs; needed to create it.")
@click.option("--memory", type=int, default=1769, show_default=True, help="In MB.")
@click.option("--timeout", type=int, default=10, show_default=True, help="Seconds of one invocation.")
@click.option("--step", "steps", type=float, multiple=True, default=(0.1, 0.5), show_default=True)
@click.option(
    "--watch", "watch_seconds", type=float, default=300.0, show_default=True, help="Seconds a step."
)
@click.option("--max-error-rate", type=float, default=0.01, show_default=True)
@click.option("--alarm", "alarms", multiple=True, metavar="NAME", help="Stops the deploy when it rings.")
@click.option("--url", type=click.Choice(["none", "iam"]), default="none", show_default=True)
@click.option("--customers", type=Path, metavar="FILE", help="JSON lines, to try it with.")
@click.option("--commit", envvar="GITHUB_SHA", default="", help="Of the code; noted on AWS.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@_where
@click.pass_context
def deploy(
    ctx: click.Context,
    image: str,
    bundle: str,
    customers: Path | None,
    dry_run: bool,
    function: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring an image to AWS Lambda: publish, try, shift traffic in steps.

    The function gets the service's settings from the variables CHURN_... that are set here. CHURN_API_KEY
    is a key to try the new version with. Started again after it was cut off, it goes on.
    """
    if ctx.invoked_subcommand:
        return
    if not image or not function:
        raise click.UsageError("--image and --function are needed")
    from churn_core.bundle.stores import open_scorer
    from churn_serve.auth import require_protection
    from churn_serve.deploy import Aws, plan
    from churn_serve.deploy import deploy as run
    from churn_serve.settings import Settings

    require_protection(Settings.from_environment(), "AWS Lambda")
    scorer = open_scorer(bundle)
    wanted = _wanted(image=image, function=function, environment=Settings.variables(), **options)
    aws = Aws()
    if dry_run:
        steps = plan(wanted, scorer, aws)
        click.echo(json.dumps(steps) if as_json else "\n".join(steps) or "nothing to do")
        return
    rows = customers.read_text(encoding="utf-8").splitlines() if customers else []
    tried = [scorer.customer_class.parse_json(row) for row in rows if row.strip()]
    key = os.environ.get("CHURN_API_KEY", "")
    try:
        outcome = run(
            wanted, scorer, aws, customers=tried, key=key, say=lambda step: click.echo(step, err=as_json)
        )
    except ChurnError as error:
        for note in getattr(error, "__notes__", []):
            click.echo(f"careful: {note}", err=True)
        raise
    _show(outcome, as_json)


@deploy.command()
@_where
def status(function: str | None, alias: str, as_json: bool) -> None:
    """Say what is live."""
    from churn_serve.deploy import Aws
    from churn_serve.deploy import status as run

    _show(run(_wanted(image=_ANY, function=_named(function), alias=alias), Aws()), as_json)


@deploy.command()
@_where
def rollback(function: str | None, alias: str, as_json: bool) -> None:
    """Put back what was live before."""
    from churn_serve.deploy import Aws
    from churn_serve.deploy import rollback as run

    _show(run(_wanted(image=_ANY, function=_named(function), alias=alias), Aws()), as_json)


def _named(function: str | None) -> str:
    if not function:
        raise click.UsageError("--function is needed")
    return function


def _wanted(**options: Any) -> Wanted:
    from pydantic import ValidationError

    from churn_serve.deploy import DeployError, Wanted

    try:
        return Wanted(**options)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise DeployError(f"{detail['loc'][0]}: {detail['msg'].removeprefix('Value error, ')}") from None


def _show(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
        return
    if not outcome.version:
        click.echo(f"nothing is live as {outcome.function}:{outcome.alias}")
        return
    click.echo(f"{outcome.function}:{outcome.alias} is version {outcome.version}: {outcome.description}")
    for version, share in outcome.weights.items():
        click.echo(f"a deploy is under way, or was cut off: version {version} gets {share:.0%}")
    if outcome.url:
        click.echo(f"its address is {outcome.url}")
