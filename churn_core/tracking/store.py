"""Bundles in an MLflow registry: `models:/name@alias` and `models:/name/version`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from churn_core.errors import RegistryError
from churn_core.tracking.artifacts import open_version
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.versions import SCHEME, find_version, parse_reference

__all__ = ["MlflowStore"]


class MlflowStore:
    """A store of bundles, for `churn_core.load` and all commands."""

    scheme: ClassVar[str] = SCHEME

    def __init__(self, where: Tracking | None = None) -> None:
        """Open the store.

        Args:
            where: The registry; by default that of the current folder and environment.
        """
        self._where = where

    def fetch(self, ref: str) -> tuple[Path, str]:
        """The folder of a version's bundle, verified, and the version.

        Raises:
            RegistryError: There is no such version, it is not ready, or nothing answers.
            BundleError: It is damaged, or not the bundle that was registered.
        """
        where = self._where or tracking()
        version = find_version(where, parse_reference(ref, where.model))
        if version.status != "READY":
            raise RegistryError(
                f"version {version.version} of {version.model!r} is not ready: {version.status}"
            )
        return open_version(where, version).folder, version.version
