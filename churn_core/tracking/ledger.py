"""The promotion log in its registry: read, and appended to by one writer at a time.

Entries are tags of the registered model. Which entry of a number counts is said by the ledger, a
run of its own: its parameter `promotion.000007` is the digest of entry 7, and MLflow takes a
parameter of a run only once. Of two moves at the same time one is in the ledger, and the other
is refused by the registry itself. Nothing has to be unlocked after an interruption: an entry that
the ledger does not name counts for nothing, and one that it names is finished by the next move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_core.errors import NoSuchVersion, RegistryError
from churn_core.tracking.config import Tracking
from churn_core.tracking.log import Entry, claim_key, read_log
from churn_core.tracking.versions import (
    PRODUCTION,
    Reference,
    Version,
    find_version,
    registered_model,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["LEDGER", "Standing", "append", "is_of", "locate", "new_ledger", "point", "standing"]

LEDGER = "promotions"


@dataclass(frozen=True)
class Standing:
    """Log and alias, as they were read together.

    Attributes:
        champion: The version in production; `None` for none.
    """

    entries: tuple[Entry, ...]
    champion: Version | None

    @property
    def last(self) -> Entry | None:
        return self.entries[-1] if self.entries else None


def new_ledger(where: Tracking, client: MlflowClient) -> str:
    """A ledger without entries; in an experiment of its own, apart from trainings."""
    from mlflow.exceptions import MlflowException

    name = f"{where.model}-promotions"
    location = None if where.artifacts is None else where.artifacts.as_uri()
    try:
        experiment = client.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        found = client.get_experiment_by_name(name)
        if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        experiment = found.experiment_id
    run_id: str = client.create_run(experiment, run_name="promotions").info.run_id
    client.set_terminated(run_id)
    return run_id


def standing(where: Tracking, client: MlflowClient) -> Standing:
    """The log, and what the alias `production` names.

    Raises:
        RegistryError: The log was tampered with, or the registry does not answer.
    """
    found = registered_model(client, where.model)
    claims = None
    if LEDGER in found.tags:
        claims = client.get_run(found.tags[LEDGER]).data.params
        found = registered_model(client, where.model)  # an entry is written before its claim
    live = found.aliases.get(PRODUCTION)
    champion = find_version(where, Reference(where.model, version=str(live)), client) if live else None
    return Standing(read_log(found.tags, claims), champion)


def append(where: Tracking, client: MlflowClient, entry: Entry) -> None:
    """Write the next entry, unless another was written since the log was read.

    Raises:
        RegistryError: Another was; this one counts for nothing.
    """
    from mlflow.exceptions import MlflowException

    model, ledger = where.model, _ledger(where, client)
    client.set_registered_model_tag(model, entry.key, entry.model_dump_json())
    try:
        client.log_param(ledger, claim_key(entry.number), entry.digest)
    except MlflowException:
        # Where the answer alone was lost, the entry counts and its tag has to stay.
        claims = client.get_run(ledger).data.params
        if claims.get(claim_key(entry.number), entry.digest) == entry.digest:
            raise
        client.delete_registered_model_tag(model, entry.key)
        winner = read_log(registered_model(client, model).tags, claims)[entry.number - 1]
        raise RegistryError(
            f"{winner.who} moved the production alias to version {winner.to_version} at the same time and "
            "was first, so nothing was changed; look at `churn history` and try again"
        ) from None


def point(where: Tracking, client: MlflowClient, entry: Entry) -> None:
    """Let the alias name what an entry says, unless the log went on meanwhile; then what that says.

    Raises:
        RegistryError: The log went on.
    """
    last = entry
    while True:
        client.set_registered_model_alias(where.model, PRODUCTION, locate(where, client, last).version)
        newest = standing(where, client).last
        if newest is None or newest == last:
            break
        last = newest
    if last != entry:
        raise RegistryError(
            f"version {entry.to_version} went into production, and at once {last.who} put version "
            f"{last.to_version} in its place; look at `churn history`"
        )


def is_of(version: Version | None, entry: Entry) -> bool:
    """Whether a version carries the bundle of an entry."""
    if version is None:
        return False
    return version.digest == entry.bundle if version.digest else version.version == entry.to_version


def locate(where: Tracking, client: MlflowClient, entry: Entry) -> Version:
    """The version that an entry is about; found by its bundle where another registry numbered it.

    Raises:
        NoSuchVersion: This registry has no such bundle (any more).
    """
    try:
        version = find_version(where, Reference(where.model, version=entry.to_version), client)
    except NoSuchVersion:
        version = None
    if version is not None and is_of(version, entry):
        return version
    found = client.search_model_versions(f"name = '{where.model}'")
    same = [one for one in found if one.tags.get("bundle_digest") == entry.bundle and one.status == "READY"]
    if not same:
        raise NoSuchVersion(
            f"version {entry.to_version} (bundle {entry.bundle[:12]}) is not in the registry (any more); "
            "register its bundle again with `churn register --bundle DIR`, or promote another version"
        )
    newest = max(same, key=lambda one: int(one.version))
    return find_version(where, Reference(where.model, version=str(newest.version)), client)


def _ledger(where: Tracking, client: MlflowClient) -> str:
    """The run of the ledger; made here only for a model that `churn register` did not make."""
    model = where.model
    tags = registered_model(client, model).tags
    if LEDGER not in tags:
        run_id = new_ledger(where, client)
        for entry in read_log(tags):
            client.log_param(run_id, claim_key(entry.number), entry.digest)
        client.set_registered_model_tag(model, LEDGER, run_id)
        tags = registered_model(client, model).tags
    return tags[LEDGER]
