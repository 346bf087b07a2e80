"""From a reference to a scorer: folders here, other schemes by plugins of group `stores`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from churn_core import registry
from churn_core.bundle.io import Bundle, noted_version, read_bundle
from churn_core.bundle.scorer import Scorer
from churn_core.errors import BundleError
from churn_core.protocols import Store

__all__ = ["FileStore", "fetch_bundle", "open_bundle", "open_scorer"]


class FileStore:
    """Bundles in folders."""

    scheme: ClassVar[str] = ""

    def fetch(self, ref: str) -> tuple[Path, str]:
        folder = Path(ref)
        if not folder.is_dir():
            raise BundleError(f"there is no bundle folder {ref!r}")
        return folder, noted_version(folder)


def fetch_bundle(ref: str) -> tuple[Path, str]:
    """Find a bundle without reading it: its folder, and its version in the store.

    Raises:
        BundleError: There is none, or no store knows this kind of reference.
        RegistryError: The registry does not hold it, or does not answer.
    """
    return _store(ref).fetch(ref)


def open_bundle(ref: str) -> Bundle:
    """Find, read and verify a bundle.

    Raises:
        BundleError: It is missing or damaged, or no store knows this kind of reference.
        RegistryError: The registry does not hold it, or does not answer.
    """
    return read_bundle(*fetch_bundle(ref))


def open_scorer(ref: str) -> Scorer:
    """Open a bundle for scoring; see `churn_core.load`."""
    return Scorer(open_bundle(ref))


def _store(ref: str) -> Store:
    if ":/" not in ref:
        return FileStore()  # needs no scan of entry points: the path of every served bundle
    for name in registry.names("stores"):
        store = registry.get("stores", name)
        if store.scheme and ref.startswith(store.scheme):
            return store()
    raise BundleError(f"no store knows references like {ref.partition(':/')[0] + ':/...'!r}")
