"""The one way to MLflow: quiet, with short waits, and with its errors in one sentence."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from churn_core.errors import RegistryError
from churn_core.tracking.config import Tracking
from churn_core.tracking.dagshub import dagshub

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["connect"]

# MLflow alone would try for minutes to reach a server that is not there, and talk on stdout.
# The user's own settings of these variables win.
_MANNERS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.5",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_NO_LOGIN = ("error code 401", "error code 403", "PERMISSION_DENIED", "UNAUTHENTICATED", "Unauthorized")
_STATUS = re.compile(r"failed with error code (\d+)")
_NO_ANSWER = ("failed with exception", "Max retries exceeded", "timed out")


@contextmanager
def connect(where: Tracking, *, create: bool = False) -> Iterator[MlflowClient]:
    """A client of the store at `where`.

    Args:
        create: Whether a SQLite store that does not exist yet is made.

    Raises:
        RegistryError: The store does not exist, does not answer, refuses the login or the
            request; also for whatever is asked of the client inside the `with` block.
    """
    # Stays set: MLflow's reporting thread outlives this block.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    _check_address(where, create)
    with _environment(_MANNERS | _login(where)):
        client_class = _client_class()
        with _quiet(), _translated(where):
            _check_database(where)
            yield client_class(where.uri)


def _login(where: Tracking) -> dict[str, str]:
    """What MLflow asks for on DagsHub."""
    found = dagshub()
    if found is None or where.uri != found.mlflow:
        return {}
    return {"MLFLOW_TRACKING_USERNAME": found.user, "MLFLOW_TRACKING_PASSWORD": found.token}


def _client_class() -> type[MlflowClient]:
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        if error.name != "mlflow":
            raise
        raise RegistryError("the model registry needs MLflow: pip install 'churn-core[tracking]'") from None
    return MlflowClient


@contextmanager
def _environment(defaults: dict[str, str]) -> Iterator[None]:
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """No news of migrations and validated examples, unless the user asked for a level."""
    logger = logging.getLogger("mlflow")
    before = logger.level
    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _translated(where: Tracking) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        raise RegistryError(_sentence(where, str(error))) from error
    except (RequestException, SQLAlchemyError) as error:
        raise RegistryError(f"the registry at {where} does not answer ({type(error).__name__})") from error


def _check_address(where: Tracking, create: bool) -> None:
    if where.database is None:
        if "://" not in where.uri or where.uri.startswith("file:"):
            raise RegistryError(
                f"{where.uri!r} is no place for runs: MLflow needs a database (sqlite:///mlflow.db) "
                "or a server (https://...)"
            )
        return
    if not create and not where.database.exists():
        raise RegistryError(f"there is no model registry at {where}; `churn register` makes one")
    try:
        where.database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(where.database, timeout=5)) as database:
            database.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise RegistryError(f"the registry {where} cannot be opened: {error}") from None


def _check_database(where: Tracking) -> None:
    """Try a database server once: MLflow would try ten times, waiting ever longer."""
    if where.database is not None or where.uri.startswith(("http://", "https://")):
        return
    import sqlalchemy

    if where.uri.partition(":")[0].partition("+")[0] not in ("postgresql", "mysql", "mssql"):
        return
    try:
        sqlalchemy.create_engine(where.uri).connect().close()
    except ImportError as error:
        raise RegistryError(f"the registry at {where} needs the package {error.name}") from None


def _sentence(where: Tracking, message: str) -> str:
    if any(sign in message for sign in _NO_LOGIN):
        return (
            f"the registry at {where} refuses the login; check MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        )
    if any(sign in message for sign in _NO_ANSWER):
        return f"the registry at {where} does not answer"
    status = _STATUS.search(message)
    if status:
        return f"the registry at {where} answers with HTTP status {status[1]}; is it an MLflow server?"
    first = message.strip().partition("\n")[0]
    return f"the registry at {where} refuses: {first[:300]}"
