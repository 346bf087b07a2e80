"""The last bundle that a registry gave, kept on disk for the day on which it does not answer."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from churn_core.bundle import Bundle, copy_bundle, read_bundle
from churn_core.errors import BundleError
from churn_core.schemas.rules import Frozen

__all__ = ["Copies", "Kept", "default_cache"]

_LAST = "last.json"


class Kept(NamedTuple):
    """A bundle and when it was fetched."""

    bundle: Bundle
    fetched: str


class _Last(Frozen):
    digest: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    version: str
    fetched: str


class Copies:
    """The last good copy of what one reference named in one registry.

    A folder named after the bundle's digest holds it; `last.json` is replaced as a whole and names
    the folder, so that a reader never sees half a copy.
    """

    def __init__(self, cache: Path, ref: str, registry: str = "") -> None:
        key = hashlib.sha256(f"{registry.rpartition('@')[2]} {ref}".encode()).hexdigest()
        self._root = cache / key[:16]

    def last(self) -> Kept | None:
        """The last good copy, `None` if there never was one.

        Raises:
            BundleError: It is not as it was kept.
        """
        try:
            content = (self._root / _LAST).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BundleError(f"{self._root / _LAST} cannot be read: {type(error).__name__}") from None
        try:
            last = _Last.model_validate_json(content)
        except ValueError:
            raise BundleError(f"{self._root / _LAST} is damaged") from None
        return Kept(replace(self._read(last.digest), version=last.version), last.fetched)

    def find(self, digest: str) -> Bundle | None:
        """The copy, if it is of that digest and sound."""
        try:
            return self._read(digest)
        except BundleError:
            return None

    def keep(self, bundle: Bundle, fetched: str) -> None:
        """Make `bundle` the last good copy, and remove older ones.

        Raises:
            OSError: The folder cannot be written.
        """
        digest = bundle.manifest.digest
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.find(digest) is None:
            self._write(bundle, self._root / digest)
        self._point(_Last(digest=digest, version=bundle.version, fetched=fetched))
        for other in self._root.iterdir():
            if other.is_dir() and other.name != digest:
                shutil.rmtree(other, ignore_errors=True)

    def _read(self, digest: str) -> Bundle:
        bundle = read_bundle(self._root / digest)
        if bundle.manifest.digest != digest:
            raise BundleError(f"{self._root / digest} holds another bundle than it was named after")
        return bundle

    def _write(self, bundle: Bundle, folder: Path) -> None:
        staged = Path(tempfile.mkdtemp(dir=self._root))
        copy_bundle(bundle, staged)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            staged.replace(folder)
        except OSError:  # another process was faster; it keeps the same bundle
            shutil.rmtree(staged, ignore_errors=True)

    def _point(self, last: _Last) -> None:
        with tempfile.NamedTemporaryFile(dir=self._root, delete=False) as part:
            part.write(last.model_dump_json().encode())
        Path(part.name).replace(self._root / _LAST)


def default_cache() -> Path:
    """`/tmp/churn` on Lambda, where nothing else can be written; elsewhere the user's cache."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        return Path("/tmp/churn")  # noqa: S108 - nobody else is there
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "churn" / "served"
