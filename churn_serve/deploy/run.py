"""The steps of a deploy, each of which may be the last one that a process gets to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from churn_core.bundle import Scorer
from churn_core.schemas import Customer
from churn_serve.deploy.aws import Aws
from churn_serve.deploy.errors import DeployError, RolledBack
from churn_serve.deploy.function import Alias, Function, identity_of
from churn_serve.deploy.smoke import smoke_test, typical_customers
from churn_serve.deploy.wanted import Wanted
from churn_serve.deploy.watch import Clock, WallClock, watch

__all__ = ["Outcome", "deploy", "plan", "rollback", "status"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What is live.

    Attributes:
        version: The version that callers get; empty for none.
        previous: The one that `rollback` would put back.
        description: What the version says of itself: commit, image and model.
        weights: Shares of other versions; not empty only while a deploy is under way or was cut off.
        changed: Whether anything was changed.
        url: The alias's own address, where one was asked for.
    """

    function: str
    alias: str
    version: str
    previous: str = ""
    description: str = ""
    weights: dict[str, float] = field(default_factory=dict[str, float])
    changed: bool = False
    url: str = ""


def deploy(
    wanted: Wanted,
    scorer: Scorer,
    aws: Aws,
    *,
    customers: Sequence[Customer] = (),
    key: str = "",
    clock: Clock | None = None,
    say: Say = lambda _: None,
) -> Outcome:
    """Make the wanted image live, or leave what is live as it is.

    Started again after it was cut off, it goes on; started again after it was done, it changes nothing.

    Args:
        scorer: The bundle in the image: what the new version has to answer.
        customers: To try it with; the schema's own, if there are none.
        key: An API key of the service, where it asks for one.
        say: Told each step.

    Raises:
        RolledBack: The new version did worse; the old one has all traffic.
        Conflict: Somebody else deploys.
        DeployError: AWS refuses or does not answer, or the new version answers wrongly. Callers get one
            version wholly, unless a note of the error says otherwise.
    """
    function = Function(aws, wanted)
    model = scorer.model.digest
    identity = wanted.identity(model)
    version = _published(function, wanted, model, say)
    alias = function.alias()
    changed = False
    if alias is None or not alias.whole or identity_of(function.described(alias.version)) != identity:
        aws.wait("published_version_active", FunctionName=wanted.function, Qualifier=version)
        tried = customers or typical_customers(scorer)
        count = smoke_test(aws, wanted.function, version, scorer, tried, key)
        say(f"version {version} answers {count} customers as the bundle does")
        alias = _shift(function, wanted, version, model, aws, clock or WallClock(), say)
        changed = True
    tags = {
        "churn:image": wanted.image_digest,
        "churn:model": model,
        "churn:commit": wanted.commit or "unknown",
    }
    changed = function.tag(tags) or changed
    url = function.url() if wanted.url == "iam" else ""
    description = function.described(alias.version)
    return Outcome(
        wanted.function, wanted.alias, alias.version, alias.previous, description, alias.weights, changed, url
    )


def plan(wanted: Wanted, scorer: Scorer, aws: Aws) -> list[str]:
    """What `deploy` would do now; nothing is changed."""
    function, identity = Function(aws, wanted), wanted.identity(scorer.model.digest)
    if not function.exists():
        steps = [f"create function {wanted.function}", "publish it", "try it", f"create alias {wanted.alias}"]
        return [*steps, "tag it"]
    alias = function.alias()
    if alias and alias.whole and identity_of(function.described(alias.version)) == identity:
        return []
    version = function.published(identity)
    steps = [] if version else [f"give {wanted.function} image {wanted.image_digest}", "publish it"]
    steps.append(f"try version {version}" if version else "try it")
    if alias is None:
        return [*steps, f"create alias {wanted.alias}", "tag it"]
    if not alias.whole:
        steps.append(f"end the deploy that was cut off: version {alias.version} gets everything")
    steps += [
        f"give it {share:.0%} of the traffic, watch {wanted.watch_seconds:g} s" for share in wanted.steps
    ]
    return [*steps, f"give it everything (now version {alias.version} has it)", "tag it"]


def rollback(wanted: Wanted, aws: Aws) -> Outcome:
    """Put back the version that was live before; once more puts back this one.

    Raises:
        DeployError: There is none.
    """
    function = Function(aws, wanted)
    alias = function.alias()
    if alias is None:
        raise DeployError(f"there is no alias {wanted.alias} of {wanted.function}")
    if not alias.whole:  # a deploy that was cut off is what is to be taken back
        alias = function.move(alias, alias.version, {}, alias.previous)
    elif not alias.previous:
        raise DeployError(f"nothing was live before version {alias.version}")
    else:
        alias = function.move(alias, alias.previous, {}, alias.version)
    description = function.described(alias.version)
    return Outcome(wanted.function, wanted.alias, alias.version, alias.previous, description, changed=True)


def status(wanted: Wanted, aws: Aws) -> Outcome:
    """What is live now."""
    function = Function(aws, wanted)
    alias = function.alias()
    if alias is None:
        return Outcome(wanted.function, wanted.alias, "")
    description = function.described(alias.version)
    return Outcome(wanted.function, wanted.alias, alias.version, alias.previous, description, alias.weights)


def _published(function: Function, wanted: Wanted, model: str, say: Say) -> str:
    """The version that is to be live; made where an earlier run did not get so far."""
    if not function.exists():
        function.make()
        say(f"made function {wanted.function}")
    version = function.published(wanted.identity(model))
    if not version:
        revision = function.update()
        version = function.publish(wanted.description(model), revision)
        say(f"published version {version}")
    return version


def _shift(
    function: Function, wanted: Wanted, version: str, model: str, aws: Aws, clock: Clock, say: Say
) -> Alias:
    """Give the new version all traffic, in steps; whatever goes wrong leaves one version with all of it."""
    alias = function.alias()
    if alias is None:
        say(f"version {version} gets all traffic: nothing was live before")
        return function.move(None, version, {}, "")
    if not alias.whole:
        say(f"a deploy was cut off here; version {alias.version} gets all traffic first")
        alias = function.move(alias, alias.version, {}, alias.previous)
    if alias.version == version:
        return alias
    old = alias.version
    try:
        for share in wanted.steps:
            alias = function.move(alias, old, {version: share}, alias.previous)
            say(f"version {version} gets {share:.0%} of the traffic")
            seen = watch(aws, wanted, version, old, model, clock)
            if seen.problem:
                raise RolledBack(f"version {version} got {share:.0%} of the traffic, and {seen.problem}")
            note = "" if seen.requests >= wanted.min_requests else ", too few to tell"
            say(f"{seen.failed} of {seen.requests} requests failed{note}")
        alias = function.move(alias, version, {}, old)
        say(f"version {version} gets all traffic")
        return alias
    except BaseException as error:  # an interrupted process takes back what it began, too
        _settle(function, version, error)
        raise


def _settle(function: Function, version: str, error: BaseException) -> None:
    """End a shift that went wrong, if it is still ours."""
    try:
        alias = function.alias()
        if alias and version in alias.weights:
            function.move(alias, alias.version, {}, alias.previous)
    except DeployError as still:
        with suppress(AttributeError):
            error.add_note(f"the traffic is still divided ({still}); start the deploy again, or roll back")
