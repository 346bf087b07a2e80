"""Bundles of an MLflow server, without MLflow.

A service needs three questions of MLflow's REST API and two or three files. MLflow would bring
hundreds of megabytes for them and seconds to import, so this asks with the standard library. Files
come through the server's artifact proxy (`mlflow-artifacts:`), which needs no keys of a store behind it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from churn_core.bundle import Bundle, read_bundle
from churn_core.bundle.io import GRAPH, MANIFEST, REASONS
from churn_core.bundle.manifest import Manifest
from churn_core.errors import BundleError, NoSuchVersion, RegistryError

__all__ = ["Registry"]

_REFERENCE = re.compile(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))")
_PROXY = "mlflow-artifacts:/"
# Where `churn register` puts the bundle below a version's source.
_FOLDER = "data/bundle"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_MOST_TEXT = 8 * 1024 * 1024
_MOST_GRAPH = 256 * 1024 * 1024


class Registry:
    """An MLflow server.

    Args:
        address: As in `MLFLOW_TRACKING_URI`; may hold user and password.
        environment: Holds `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and
            `MLFLOW_TRACKING_PASSWORD`, if the server asks for them.
        seconds: Longest silence of the server.
    """

    def __init__(
        self, address: str, environment: Mapping[str, str] = os.environ, seconds: float = 5.0
    ) -> None:
        parts = urlsplit(address)
        self._address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        self._address = self._address.rstrip("/")
        user = unquote(parts.username or "") or environment.get("MLFLOW_TRACKING_USERNAME", "")
        password = unquote(parts.password or "") or environment.get("MLFLOW_TRACKING_PASSWORD", "")
        self._login = _login(environment.get("MLFLOW_TRACKING_TOKEN", ""), user, password)
        self._seconds = seconds

    def fetch(self, ref: str, known: Callable[[str], Bundle | None]) -> Bundle:
        """The verified bundle that `models:/name@alias` or `models:/name/version` names.

        Args:
            known: Gives the bundle of a digest where it need not be fetched again.

        Raises:
            NoSuchVersion: The registry answers, and has none.
            RegistryError: It does not answer, refuses, or keeps its files out of reach.
            BundleError: The bundle is damaged, or not the one that was registered.
        """
        found = self._find(ref)
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", ())}
        version, digest = str(found["version"]), str(tags.get("bundle_digest", ""))
        if found.get("status") != "READY":
            raise RegistryError(f"{ref} is not ready: {found.get('status')}")
        bundle = known(digest) if digest else None
        if bundle is None:
            bundle = self._download(str(found["name"]), version)
        if digest and bundle.manifest.digest != digest:
            raise BundleError(f"{ref} is not the bundle that was registered under it")
        return replace(bundle, version=version)

    def _find(self, ref: str) -> dict[str, Any]:
        match = _REFERENCE.fullmatch(ref)
        if not match:
            raise RegistryError(f"{ref!r} names no model; write models:/name@alias or models:/name/version")
        asked = {key: value for key, value in match.groupdict().items() if value}
        route = "registered-models/alias" if "alias" in asked else "model-versions/get"
        try:
            return self._json(route, **asked)["model_version"]
        except NoSuchVersion:
            raise NoSuchVersion(f"the registry has no {ref}") from None

    def _download(self, name: str, version: str) -> Bundle:
        where = self._json("model-versions/get-download-uri", name=name, version=version)
        source = str(where["artifact_uri"])
        if not source.startswith(_PROXY) or source.startswith(f"{_PROXY}/"):
            raise RegistryError(
                f"the files of version {version} of {name!r} do not come through the registry at "
                f"{self._address}; its server has to run with --serve-artifacts"
            )
        place = f"mlflow-artifacts/artifacts/{source.removeprefix(_PROXY).strip('/')}/{_FOLDER}"
        with tempfile.TemporaryDirectory() as scratch:
            content = self._get(f"{place}/{MANIFEST}", _MOST_TEXT)
            (Path(scratch) / MANIFEST).write_bytes(content)
            for file in Manifest.from_bytes(content).files:
                if file.name in (GRAPH, REASONS):
                    graph = self._get(f"{place}/{file.name}", min(file.size, _MOST_GRAPH))
                    (Path(scratch) / file.name).write_bytes(graph)
            return read_bundle(Path(scratch), version)

    def _json(self, route: str, **asked: str) -> dict[str, Any]:
        content = self._get(f"mlflow/{route}", _MOST_TEXT, asked)
        try:
            return json.loads(content)
        except ValueError:
            raise RegistryError(f"the registry at {self._address} does not answer as MLflow does") from None

    def _get(self, path: str, most: int, asked: Mapping[str, str] | None = None) -> bytes:
        query = f"?{urlencode(asked)}" if asked else ""
        request = Request(f"{self._address}/api/2.0/{quote(path)}{query}")  # noqa: S310 - http(s) only
        for name, value in self._login.items():
            request.add_unredirected_header(name, value)  # nobody else is to see it
        try:
            return self._read(request, most)
        except HTTPError as error:
            if error.code < 500:
                raise self._refused(error) from None
        except (OSError, HTTPException):
            pass
        try:  # once more
            return self._read(request, most)
        except HTTPError as error:
            raise self._refused(error) from None
        except (OSError, HTTPException) as error:
            raise RegistryError(
                f"the registry at {self._address} does not answer ({type(error).__name__})"
            ) from None

    def _read(self, request: Request, most: int) -> bytes:
        with urlopen(request, timeout=self._seconds) as response:  # noqa: S310 - http(s) only
            content: bytes = response.read(most + 1)
            if len(content) > most:
                raise BundleError(f"the registry at {self._address} sends more than {most} bytes")
            if response.length:
                raise IncompleteRead(content)
            return content

    def _refused(self, error: HTTPError) -> RegistryError:
        with error:
            text = error.read(10_000)
        if error.code in (401, 403):
            return RegistryError(f"the registry at {self._address} refuses the login")
        if error.code in (400, 404) and any(code.encode() in text for code in _MISSING):
            return NoSuchVersion("")
        return RegistryError(f"the registry at {self._address} answers with HTTP status {error.code}")


def _login(token: str, user: str, password: str) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user or password:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {}
