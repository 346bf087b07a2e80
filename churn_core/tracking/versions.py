"""Versions of registered models, found by reference."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from churn_core.errors import NoSuchVersion, RegistryError
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

__all__ = [
    "CANDIDATE",
    "PRODUCTION",
    "SCHEME",
    "Reference",
    "Version",
    "find_version",
    "parse_reference",
    "production_version",
    "registered_model",
]

SCHEME = "models:/"
PRODUCTION, CANDIDATE = "production", "candidate"
_REFERENCE = re.compile(r"models:/(?P<model>[^@/]+)(@(?P<alias>[^@/]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Reference:
    """A model's alias or version, as in `models:/name@alias` and `models:/name/3`."""

    model: str
    alias: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.model}" + (f"@{self.alias}" if self.alias else f"/{self.version}")


@dataclass(frozen=True)
class Version:
    """One registered version.

    Attributes:
        source: Where its artifacts lie.
        status: `READY`, or why it cannot be used.
    """

    model: str
    version: str
    source: str
    status: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Digest of its bundle; empty if something other than `churn register` made it."""
        return self.tags.get("bundle_digest", "")


def parse_reference(ref: str, model: str) -> Reference:
    """Read a reference; a bare alias or version is one of `model`.

    Raises:
        RegistryError: It is not a reference.
    """
    if not ref.startswith(SCHEME):
        ref = f"{SCHEME}{model}/{ref}" if ref.isdigit() else f"{SCHEME}{model}@{ref}"
    match = _REFERENCE.fullmatch(ref)
    if not match:
        raise RegistryError(
            f"{ref!r} names no model; write {SCHEME}name@alias or {SCHEME}name/version, "
            f"such as {SCHEME}{model}@{PRODUCTION}"
        )
    return Reference(match["model"], match["alias"] or "", match["version"] or "")


def find_version(where: Tracking, ref: Reference, client: MlflowClient | None = None) -> Version:
    """The version that `ref` names.

    A local registry is read without MLflow, whose import alone takes seconds.

    Raises:
        NoSuchVersion: There is none.
        RegistryError: The registry does not answer.
    """
    if client is not None:
        return _ask(client, ref)
    found = _read_sqlite(where, ref)
    if found is None:
        with connect(where) as own:
            found = _ask(own, ref)
    return found


def registered_model(client: MlflowClient, model: str) -> RegisteredModel:
    """The registered model with its aliases and tags.

    Raises:
        RegistryError: There is none.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RegistryError(f"the registry has no model {model!r}; `churn register` makes one") from None
        raise


def production_version(client: MlflowClient, model: str) -> Version | None:
    """The version in production; `None` if there is none yet."""
    try:
        aliases = registered_model(client, model).aliases
    except RegistryError:
        return None
    if PRODUCTION not in aliases:
        return None
    return _ask(client, Reference(model, version=str(aliases[PRODUCTION])))


def _ask(client: MlflowClient, ref: Reference) -> Version:
    from mlflow.exceptions import MlflowException

    try:
        if ref.alias:
            found: Any = client.get_model_version_by_alias(ref.model, ref.alias)
        else:
            found = client.get_model_version(ref.model, ref.version)
        source = client.get_model_version_download_uri(ref.model, str(found.version))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise NoSuchVersion(_missing(ref)) from None
        raise
    status, tags = str(found.status), dict(found.tags)
    return Version(ref.model, str(found.version), source, status, found.run_id or "", tags)


def _missing(ref: Reference) -> str:
    what = f"version with the alias {ref.alias!r}" if ref.alias else f"version {ref.version}"
    return f"the registry has no {what} of model {ref.model!r}"


def _read_sqlite(where: Tracking, ref: Reference) -> Version | None:
    """The version as the tables of a local registry have it; `None` if they cannot tell."""
    if where.database is None or not where.database.is_file():
        return None
    address = f"file:{quote(str(where.database))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as database:
            return _query(database, ref)
    except sqlite3.Error:
        return None


def _query(database: sqlite3.Connection, ref: Reference) -> Version | None:
    version = ref.version
    if ref.alias:
        aliases = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        rows = database.execute(aliases, (ref.model, ref.alias)).fetchall()
        if len(rows) != 1:
            return None
        version = str(rows[0][0])
    versions = (
        "SELECT COALESCE(storage_location, source), status, run_id FROM model_versions "
        "WHERE name = ? AND version = ? AND current_stage <> 'Deleted_Internal'"
    )
    rows = database.execute(versions, (ref.model, version)).fetchall()
    if len(rows) != 1:
        return None
    source, status, run_id = rows[0]
    tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
    found = dict(database.execute(tags, (ref.model, version)).fetchall())
    return Version(ref.model, version, source or "", status, run_id or "", found)
