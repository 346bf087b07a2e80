"""`churn run`: from nothing to a promoted model and one answered prediction."""

from __future__ import annotations

import getpass
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from churn_core import registry
from churn_core.cli.stages import run_stages
from churn_core.errors import ChurnError, GateRefused
from churn_core.params import Params, read_params
from churn_core.schemas import ChurnPrediction, Customer

if TYPE_CHECKING:
    from churn_core.tracking import Tracking

__all__ = ["run"]


@click.command()
@click.option("--root", type=Path, default=Path(), metavar="DIR", help="The project's folder.")
def run(root: Path) -> None:
    """Run the whole pipeline, promote the model and answer one prediction.

    What is up to date is not done again. Settings come from params.yaml.
    """
    signal.signal(signal.SIGTERM, _leave)
    started = time.monotonic()
    params = read_params(root / "params.yaml")
    ran = run_stages(root, click.echo)
    params = _own_model(params, root)
    version = "" if set(ran) - {"fetch"} else _live_version(params, root)
    if version:
        click.echo(f"register, gate, promote: version {version} is in production already")
    else:
        version = _register(params, root)
        _gate(params, root)
        _promote(params, root)
    _show_answer(_ask(_production(params), params, root))
    _show_places(version, params, root)
    click.echo(f"all done in {time.monotonic() - started:.0f} s")


def _leave(number: int, _frame: FrameType | None) -> None:
    """End through all `finally` blocks, so that no process stays behind."""
    sys.exit(128 + number)


def _production(params: Params) -> str:
    return f"models:/{params.mlflow.model}@production"


def _own_model(params: Params, root: Path) -> Params:
    """A registered model serves one schema: customers of another get a model of their own."""
    from churn_core.bundle import read_bundle
    from churn_core.tracking import MlflowStore, tracking

    try:
        folder, _ = MlflowStore(tracking(params, root)).fetch(_production(params))
        champion = read_bundle(folder).manifest.schema_spec.name
    except ChurnError:
        return params
    if champion == params.schema_name:
        return params
    name = f"{params.mlflow.model}-{params.schema_name}"
    click.echo(f"model: {params.mlflow.model} serves schema {champion}, so this one is registered as {name}")
    return params.model_copy(update={"mlflow": params.mlflow.model_copy(update={"model": name})})


def _live_version(params: Params, root: Path) -> str:
    """The version in production if it is the candidate and passed the gate of today; else empty.

    Needs no MLflow where the registry is local, which saves the seconds that its import takes.
    """
    from churn_core.bundle import read_bundle
    from churn_core.gate import policy_digest, read_verdict
    from churn_core.tracking import MlflowStore, tracking

    try:
        folder, version = MlflowStore(tracking(params, root)).fetch(_production(params))
        digests = {read_bundle(path).manifest.digest for path in (folder, root / "models/candidate")}
        verdict = read_verdict((root / "outputs/gate.json").read_bytes())
    except (ChurnError, OSError):
        return ""
    judged = verdict.passed and verdict.policy == policy_digest(params.gate)
    return version if judged and digests == {verdict.candidate} else ""


@contextmanager
def _step(what: str) -> Iterator[list[str]]:
    """Say what is done, and afterwards what came of it and how long it took."""
    said: list[str] = []
    started = time.monotonic()
    yield said
    click.echo(f"{what}: {'; '.join(said)} ({time.monotonic() - started:.1f} s)")


def _register(params: Params, root: Path) -> str:
    from churn_core.tracking import register

    with _step("register") as say:
        done = register(params, root)
        how = "new" if done.created else "registered before"
        say.append(f"version {done.version} of {done.model}, {how}, bundle {done.digest[:12]}")
    return done.version


def _gate(params: Params, root: Path) -> None:
    from churn_core.gate import headline
    from churn_core.tracking import gate_candidate

    with _step("gate") as say:
        verdict = gate_candidate(params, root)
        say.append(headline(verdict))
    for result in verdict.results:
        click.echo(f"    {result.status:5}{result.name}: {result.sentence}")
    if not verdict.passed:
        raise GateRefused(
            "the gate refuses the candidate, so production stays as it is; "
            f"{root / 'outputs/gate.md'} says why. Change params.yaml or the data, and run again."
        )


def _promote(params: Params, root: Path) -> None:
    from churn_core.tracking import history, promote

    with _step("promote") as say:
        before = len(history(params, root))
        entry = promote(params, root, who=_user(), reason="churn run")
        how = "is in production" if entry.number > before else "was in production already"
        say.append(f"version {entry.to_version} {how}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"


def _ask(reference: str, params: Params, root: Path) -> ChurnPrediction:
    from churn_core.cli.trial import ask_once

    with _step("predict") as say:
        customer = _unseen_customer(params, root)
        answer = ask_once(reference, customer, root)
        say.append(f"asked a service about customer {customer.customer_id}, whom training never saw")
    return answer


def _unseen_customer(params: Params, root: Path) -> Customer:
    """The first customer of the hold-out."""
    from churn_core.train.prepared import load_prepared

    schema: type[Customer] = registry.get("schemas", params.schema_name)
    first = load_prepared(root, schema.spec).holdout_features.slice(0, 1).to_pylist()[0]
    return schema.parse(first)


def _show_answer(answer: ChurnPrediction) -> None:
    what = "worth a call" if answer.churn_prediction else "not worth a call"
    click.echo(
        f"    {answer.churn_probability:.1%} probability of churn, {answer.churn_risk} risk, {what} "
        f"(expected profit {answer.expected_profit:.2f}, threshold {answer.threshold:.1%})"
    )
    for reason in answer.reasons:
        click.echo(f"    {reason.effect:+.2f}  {reason.text}")
    click.echo(f"    answered by version {answer.model.version}, bundle {answer.model.digest[:12]}")


def _show_places(version: str, params: Params, root: Path) -> None:
    from churn_core.tracking import tracking

    where = tracking(params, root)
    places = {
        "report": root / "outputs/report.html",
        "metrics": root / "outputs/metrics/metrics.json",
        "figures": root / "outputs/figures",
        "verdict": root / "outputs/gate.md",
        "refused rows": root / "data/rejects",
        "model": f"version {version} of {where.model}, also in {root / 'models/candidate'}",
        "runs": _browse(where),
        "service": f"make serve, or .venv/bin/churn serve --bundle {_production(params)}",
    }
    click.echo("where everything lies:")
    for name, place in places.items():
        click.echo(f"    {name:<13}{place}")


def _browse(where: Tracking) -> str:
    """How a person looks at the runs."""
    if where.database is None:
        return str(where)
    database, here = where.database, Path.cwd()
    short = database.relative_to(here) if database.is_relative_to(here) else database
    return f".venv/bin/mlflow ui --backend-store-uri sqlite:///{short}"
