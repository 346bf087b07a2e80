"""Where runs and models are kept.

`MLFLOW_TRACKING_URI` wins, then the repository on DagsHub that `DAGSHUB_USER` and `DAGSHUB_TOKEN` belong to,
then `mlflow.tracking_uri` of `params.yaml`; without any of them it is `mlflow.db` in the project's folder,
with artifacts in `mlartifacts/` beside it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from churn_core.params import MlflowParams, Params, read_params
from churn_core.tracking.dagshub import dagshub

__all__ = ["Tracking", "tracking"]

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Tracking:
    """One place of runs and models.

    Attributes:
        uri: As MLflow takes it; a relative SQLite path was resolved against `root`.
        root: The project's folder.
        experiment: Name of the experiment.
        model: Name of the registered model.
        configured: Whether somebody chose the place: it is not the default.
    """

    uri: str
    root: Path
    experiment: str
    model: str
    configured: bool = True

    @property
    def was_used(self) -> bool:
        """Whether a registry is, or was, here: it is configured, or left its database or artifacts."""
        kept = (self.database, self.artifacts)
        return self.configured or any(path is not None and path.exists() for path in kept)

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store; `None` for any other."""
        return Path(unquote(self.uri.removeprefix(_SQLITE))) if self.uri.startswith(_SQLITE) else None

    @property
    def artifacts(self) -> Path | None:
        """Folder for artifacts; `None` where a server decides."""
        if self.database is not None:
            return self.database.parent / "mlartifacts"
        return None if self.uri.startswith(("http://", "https://")) else self.root / "mlartifacts"

    def __str__(self) -> str:
        """The address without user and password."""
        if self.database is not None:
            return str(self.database)
        parts = urlsplit(self.uri)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def tracking(params: Params | MlflowParams | None = None, root: Path = Path()) -> Tracking:
    """Where to track.

    Args:
        params: `None` for those of `root / "params.yaml"`, or the defaults if there is no such file.

    Raises:
        ParamsError: `params.yaml` is wrong.
        RegistryError: There is a token for DagsHub, but no user or repository.
    """
    chosen = params.mlflow if isinstance(params, Params) else params or _params(root)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _dagshub() or chosen.tracking_uri
    place = _absolute(uri or f"{_SQLITE}mlflow.db", root.resolve())
    return Tracking(place, root.resolve(), chosen.experiment, chosen.model, configured=bool(uri))


def _dagshub() -> str:
    found = dagshub()
    return found.mlflow if found else ""


def _params(root: Path) -> MlflowParams:
    path = root / "params.yaml"
    return read_params(path).mlflow if path.is_file() else MlflowParams()


def _absolute(uri: str, root: Path) -> str:
    if not uri.startswith(_SQLITE):
        return uri
    path = root / unquote(uri.removeprefix(_SQLITE).partition("?")[0])
    # Blanks stay: MLflow makes the folder of a quoted path, too.
    return _SQLITE + str(path).replace("%", "%25").replace("?", "%3F")
