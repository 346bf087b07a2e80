"""DagsHub by a user's name and token: an MLflow server and a DVC remote for each repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from churn_core.errors import RegistryError

__all__ = ["DagsHub", "dagshub"]


@dataclass(frozen=True)
class DagsHub:
    """One repository on DagsHub.

    Attributes:
        repository: As `owner/name`.
    """

    repository: str
    user: str
    token: str = field(repr=False)

    @property
    def mlflow(self) -> str:
        """Address of its MLflow server."""
        return f"https://dagshub.com/{self.repository}.mlflow"

    @property
    def dvc(self) -> str:
        """Address of its DVC remote."""
        return f"https://dagshub.com/{self.repository}.dvc"


def dagshub(environment: Mapping[str, str] = os.environ) -> DagsHub | None:
    """The repository that `DAGSHUB_USER`, `DAGSHUB_TOKEN` and `DAGSHUB_REPOSITORY` name.

    On GitHub Actions its name is that of the GitHub repository, unless another is given. A name without an
    owner is the user's own.

    Returns:
        `None` without a token.

    Raises:
        RegistryError: There is a token, but not whose it is, or no repository.
    """
    token = environment.get("DAGSHUB_TOKEN", "")
    if not token:
        return None
    user = environment.get("DAGSHUB_USER", "")
    name = (
        environment.get("DAGSHUB_REPOSITORY") or environment.get("GITHUB_REPOSITORY", "").rpartition("/")[2]
    )
    for variable, value in (("DAGSHUB_USER", user), ("DAGSHUB_REPOSITORY", name)):
        if not value:
            raise RegistryError(f"DAGSHUB_TOKEN is set, but {variable} is not")
    return DagsHub(name if "/" in name else f"{user}/{name}", user, token)
