"""`churn policy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from churn_core.errors import BundleError, ParamsError

if TYPE_CHECKING:
    from churn_core.bundle import Bundle

__all__ = ["policy"]

_DEFAULT = "models/candidate"


@click.group()
def policy() -> None:
    """Show or change how a bundle decides.

    REF is a folder, models:/name@alias or models:/name/version; by default models/candidate.
    """


@policy.command()
@click.argument("ref", default=_DEFAULT)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def show(ref: str, as_json: bool) -> None:
    """Say from which probability a bundle acts, and the money behind it."""
    from churn_core.bundle import open_bundle

    _print(open_bundle(ref), as_json)


@policy.command("set")
@click.argument("arguments", nargs=-1, required=True, metavar="[REF] KEY=VALUE...")
@click.option(
    "--out",
    type=Path,
    required=True,
    metavar="DIR",
    help="A folder that is empty or does not exist, or that holds a bundle to replace.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def set_policy(arguments: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Write a bundle with the same model and other costs or thresholds.

    KEY is a key of `costs` in params.yaml, such as offer_cost=15. Nothing is trained; gate and
    promotion treat the result as a new candidate.
    """
    from churn_core.bundle import copy_bundle, open_bundle, with_policy
    from churn_core.params import changed_costs

    ref, changes = _split(arguments)
    old = open_bundle(ref)
    new = with_policy(old, changed_costs(old.manifest.decision.costs, changes))
    if new is old:
        raise ParamsError(f"the policy of {ref} is so already: nothing would change")
    _check_free(out)
    _print(copy_bundle(new, out), as_json)


def _split(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The reference, if the first argument is one, and the changes."""
    if "=" in arguments[0]:
        return _DEFAULT, arguments
    if len(arguments) == 1:
        raise click.UsageError("say what to change: KEY=VALUE, such as offer_cost=15")
    return arguments[0], arguments[1:]


def _check_free(out: Path) -> None:
    from churn_core.bundle import read_bundle

    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        read_bundle(out)
    except BundleError:
        raise BundleError(
            f"{out} is in the way: give a folder that is empty, does not exist or holds a bundle"
        ) from None


def _print(bundle: Bundle, as_json: bool) -> None:
    facts = _facts(bundle)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        text = f"{value:.10g}" if isinstance(value, float) else str(value)
        click.echo(f"{name:{width}}  {text}".rstrip())


def _facts(bundle: Bundle) -> dict[str, Any]:
    manifest, decision = bundle.manifest, bundle.manifest.decision
    return {
        "bundle": manifest.digest,
        "parent": manifest.lineage.parent,
        "policy": decision.digest,
        "version": decision.version,
        "decides_from": decision.threshold,
        "gain": decision.gain,
        "loss": decision.loss,
        **{name: getattr(decision.costs, name) for name in type(decision.costs).model_fields},
    }
