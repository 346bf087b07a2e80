"""Bundles on disk: a folder with `model.onnx` and `manifest.json`, nothing else needed.

Reading verifies every digest before anything is used, and loading runs no code: the graph
holds only standard ONNX operators.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from churn_core.bundle.manifest import FileRef, Manifest
from churn_core.errors import BundleError

__all__ = ["GRAPH", "MANIFEST", "Bundle", "read_bundle", "write_bundle"]

GRAPH, MANIFEST = "model.onnx", "manifest.json"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory.

    Attributes:
        graph: The bytes of the ONNX model.
        folder: Where it was read from.
        version: Its version in a registry, or `local`.
    """

    manifest: Manifest
    graph: bytes
    folder: Path
    version: str = "local"


def write_bundle(folder: Path, manifest: Manifest, graph: bytes) -> Bundle:
    """Seal and write a bundle; equal input gives equal bytes.

    The graph is written first, so that an interrupted write never looks like a bundle.
    """
    ref = FileRef(name=GRAPH, sha256=hashlib.sha256(graph).hexdigest(), size=len(graph))
    sealed = manifest.model_copy(update={"files": (ref,)}).sealed()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / GRAPH).write_bytes(graph)
    temporary = folder / f".{MANIFEST}.part"
    temporary.write_bytes(sealed.to_bytes())
    temporary.replace(folder / MANIFEST)
    return Bundle(sealed, graph, folder)


def read_bundle(folder: Path, version: str = "local") -> Bundle:
    """Read and verify a bundle.

    Raises:
        BundleError: A file is missing, unreadable or not exactly as it was written.
    """
    manifest = Manifest.from_bytes(_bytes(folder, MANIFEST))
    if [file.name for file in manifest.files] != [GRAPH]:
        raise BundleError(f"{folder}: the manifest must list {GRAPH} and nothing else")
    graph = _bytes(folder, GRAPH)
    if hashlib.sha256(graph).hexdigest() != manifest.files[0].sha256 or len(graph) != manifest.files[0].size:
        raise BundleError(f"{folder / GRAPH} is not the graph that the manifest describes")
    if manifest.schema_spec.fingerprint != manifest.schema_fingerprint:
        raise BundleError(f"{folder}: the schema does not fit its fingerprint")
    return Bundle(manifest, graph, folder, version)


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{folder} is not a bundle: it has no {name}") from None
    except OSError as error:
        raise BundleError(f"{folder / name} cannot be read: {type(error).__name__}") from None
