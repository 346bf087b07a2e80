"""Bundles on disk: a folder with `model.onnx`, `reasons.onnx` and `manifest.json`.

Reading verifies every digest before anything is used, and loading runs no code: the graphs
hold only standard ONNX operators. A bundle without `reasons.onnx` is complete too; its reasons
are worked out by asking the model.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from churn_core.bundle.manifest import FileRef, Manifest
from churn_core.errors import BundleError

__all__ = [
    "GRAPH",
    "MANIFEST",
    "REASONS",
    "VERSION",
    "Bundle",
    "copy_bundle",
    "noted_version",
    "read_bundle",
    "write_bundle",
]

GRAPH, REASONS, MANIFEST = "model.onnx", "reasons.onnx", "manifest.json"
# Beside a bundle that came from a registry: which version it is there. It is no part of what is digested.
VERSION = "version.txt"
_VERSION = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory.

    Attributes:
        graph: The bytes of the ONNX model.
        folder: Where it was read from.
        version: Its version in a registry, or `local`.
        reasons: The bytes of the ONNX model of shares; empty if it has none.
    """

    manifest: Manifest
    graph: bytes
    folder: Path
    version: str = "local"
    reasons: bytes = b""


def write_bundle(folder: Path, manifest: Manifest, graph: bytes, reasons: bytes = b"") -> Bundle:
    """Seal and write a bundle; equal input gives equal bytes.

    The manifest is written last, so that an interrupted write never looks like a bundle.
    """
    files = {GRAPH: graph, REASONS: reasons} if reasons else {GRAPH: graph}
    sealed = manifest.model_copy(
        update={"files": tuple(_ref(name, content) for name, content in files.items())}
    ).sealed()
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST, REASONS, VERSION):
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    temporary = folder / f".{MANIFEST}.part"
    temporary.write_bytes(sealed.to_bytes())
    temporary.replace(folder / MANIFEST)
    return Bundle(sealed, graph, folder, reasons=reasons)


def copy_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Write a bundle that is in memory, with all that it holds, and its version in a registry."""
    copy = write_bundle(folder, bundle.manifest, bundle.graph, bundle.reasons)
    if bundle.version == "local":
        return copy
    (folder / VERSION).write_text(bundle.version + "\n", encoding="ascii")
    return replace(copy, version=bundle.version)


def noted_version(folder: Path) -> str:
    """Which version of a registry a copied bundle is; `local` where nothing says so."""
    try:
        version = (folder / VERSION).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return "local"
    return version if _VERSION.fullmatch(version) else "local"


def read_bundle(folder: Path, version: str = "local") -> Bundle:
    """Read and verify a bundle.

    Raises:
        BundleError: A file is missing, unreadable or not exactly as it was written.
    """
    manifest = Manifest.from_bytes(_bytes(folder, MANIFEST))
    wanted = [GRAPH, REASONS] if manifest.reasons else [GRAPH]
    if [file.name for file in manifest.files] != wanted:
        raise BundleError(f"{folder}: the manifest must list {' and '.join(wanted)} and nothing else")
    content = {name: _bytes(folder, name) for name in wanted}
    for file in manifest.files:
        if _ref(file.name, content[file.name]) != file:
            raise BundleError(f"{folder / file.name} is not the graph that the manifest describes")
    if manifest.schema_spec.fingerprint != manifest.schema_fingerprint:
        raise BundleError(f"{folder}: the schema does not fit its fingerprint")
    return Bundle(manifest, content[GRAPH], folder, version, content.get(REASONS, b""))


def _ref(name: str, content: bytes) -> FileRef:
    return FileRef(name=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{folder} is not a bundle: it has no {name}") from None
    except OSError as error:
        raise BundleError(f"{folder / name} cannot be read: {type(error).__name__}") from None
