"""Files that belong to a registered version, wherever its registry keeps them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from churn_core.bundle import Bundle, read_bundle
from churn_core.errors import BundleError, ChurnError, RegistryError
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking
from churn_core.tracking.versions import Version

__all__ = ["MODEL", "bundle_folder", "open_version", "read_artifact"]

MODEL = "model"
# MLflow puts the data of a pyfunc model here; see `churn_core.tracking.model`.
_BUNDLE = "data/bundle"


def open_version(where: Tracking, version: Version) -> Bundle:
    """The verified bundle of a version.

    Raises:
        BundleError: It is damaged, or not the bundle that was registered.
        RegistryError: It cannot be fetched.
    """
    bundle = read_bundle(bundle_folder(where, version), version.version)
    if version.digest and bundle.manifest.digest != version.digest:
        raise BundleError(
            f"version {version.version} of {version.model!r} is not the bundle that was registered under it"
        )
    return bundle


def bundle_folder(where: Tracking, version: Version) -> Path:
    """The folder of a version's bundle; fetched once where the registry is not local.

    Raises:
        RegistryError: It cannot be fetched.
    """
    local = _local(where, version.source)
    if local is not None:
        return local / _BUNDLE
    cached = _cache() / version.digest
    if version.digest and _is_good(cached, version.digest):
        return cached
    with tempfile.TemporaryDirectory() as scratch:
        fetched = _download(where, version, f"{version.source}/{_BUNDLE}", Path(scratch))
        if not _is_good(fetched, version.digest):
            return Path(shutil.copytree(fetched, tempfile.mkdtemp(), dirs_exist_ok=True))
        cached.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=cached.parent))
        shutil.copytree(fetched, staged, dirs_exist_ok=True)
        shutil.rmtree(cached, ignore_errors=True)
        try:
            staged.replace(cached)
        except OSError:  # another process was faster; it fetched the same bundle
            return staged
    return cached


def read_artifact(where: Tracking, version: Version, path: str) -> bytes:
    """A file of the run that made a version.

    Raises:
        RegistryError: There is none, or it cannot be fetched.
    """
    uri = f"{version.source.rpartition('/')[0]}/{path}"
    local = _local(where, uri)
    try:
        if local is not None:
            return local.read_bytes()
        with tempfile.TemporaryDirectory() as scratch:
            return _download(where, version, uri, Path(scratch)).read_bytes()
    except OSError:
        raise RegistryError(
            f"version {version.version} of {version.model!r} has lost its file {path}"
        ) from None


def _local(where: Tracking, uri: str) -> Path | None:
    """The path behind a local URI; found beside the database if the project was moved."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        return None
    path = Path(unquote(parts.path))
    if path.exists() or where.artifacts is None or "mlartifacts" not in path.parts:
        return path
    return where.artifacts.joinpath(*path.parts[path.parts.index("mlartifacts") + 1 :])


def _download(where: Tracking, version: Version, uri: str, into: Path) -> Path:
    with connect(where):
        import mlflow.artifacts

        try:
            found = mlflow.artifacts.download_artifacts(
                artifact_uri=uri, dst_path=str(into), tracking_uri=where.uri
            )
        except OSError as error:
            raise RegistryError(
                f"the files of version {version.version} of {version.model!r} cannot be fetched "
                f"({type(error).__name__})"
            ) from error
    return Path(found)


def _is_good(folder: Path, digest: str) -> bool:
    try:
        return read_bundle(folder).manifest.digest == digest
    except ChurnError:
        return False


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "churn" / "bundles"
