"""From a bundle to an image in ECR: Docker builds and pushes it, ECR keeps and scans it.

An image is known by its digest. Its tag says of which commit and model it is, so that a second run
finds what the first one made.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from churn_core import __version__
from churn_core.bundle import read_bundle
from churn_serve.errors import ServeError

__all__ = ["Image", "ImageError", "make_image"]

BASE = "public.ecr.aws/lambda/python:3.13"
_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")


class ImageError(ServeError):
    """No image could be made, or it must not be used."""


@dataclass(frozen=True)
class Image:
    """An image in a registry.

    Attributes:
        name: Registry and repository.
        tag: Its commit and model.
        digest: As `sha256:...`.
        findings: How many weaknesses the scan found, by severity.
        built: Whether it was built now, or was there before.
    """

    name: str
    tag: str
    digest: str
    findings: Mapping[str, int]
    built: bool

    @property
    def uri(self) -> str:
        """What a function is told to run."""
        return f"{self.name}@{self.digest}"


def make_image(
    bundle: Path, repository: str, root: Path = Path(), *, refuse: str = "CRITICAL", ecr: Any = None
) -> Image:
    """Build, push and scan the image of a model, as far as that was not done before.

    Args:
        bundle: The folder of the bundle, within `root`.
        repository: Name of a repository in ECR, which exists.
        root: The project's folder, with its `Dockerfile`.
        refuse: The least severity of weaknesses that no image may have; empty to refuse none.
        ecr: A client of boto3; by default one for the usual settings of AWS.

    Raises:
        BundleError: The bundle is damaged.
        ImageError: Docker or ECR fails, or the scan found something that is refused.
    """
    place = _below(bundle, root)
    model = read_bundle(bundle).manifest.digest
    commit = _run(["git", "rev-parse", "HEAD"], root).strip()
    tag = f"{commit[:12]}-{model[:12]}"
    service = _Ecr(ecr or _client())
    digest = service.digest(repository, tag)
    name = service.repository(repository)
    if not digest:
        service.log_in(root)
        _build(place, f"{name}:{tag}", model, commit, root)
        _run(["docker", "push", f"{name}:{tag}"], root)
        digest = service.digest(repository, tag)
        if not digest:
            raise ImageError(f"{name}:{tag} was pushed, but ECR does not know it")
        built = True
    else:
        built = False
    image = Image(name, tag, digest, service.findings(repository, digest), built)
    _refuse_weak(image, refuse)
    return image


class _Ecr:
    """What is asked of ECR; each fault is one sentence."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def repository(self, name: str) -> str:
        found = self._ask("describe_repositories", repositoryNames=[name])
        return str(found["repositories"][0]["repositoryUri"])

    def digest(self, repository: str, tag: str) -> str:
        """The digest behind a tag; empty where there is no such image."""
        answer = self._ask("batch_get_image", repositoryName=repository, imageIds=[{"imageTag": tag}])
        return str(answer["images"][0]["imageId"]["imageDigest"]) if answer["images"] else ""

    def log_in(self, root: Path) -> None:
        data = self._ask("get_authorization_token")["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        registry = str(data["proxyEndpoint"]).removeprefix("https://")
        _run(["docker", "login", "--username", user, "--password-stdin", registry], root, password)

    def findings(self, repository: str, digest: str) -> dict[str, int]:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        image = {"repositoryName": repository, "imageId": {"imageDigest": digest}}
        try:
            self._client.start_image_scan(**image)
        except ClientError:
            pass  # one was made already, on push or by an earlier run: its answer is as good
        except BotoCoreError as error:
            raise ImageError(f"ECR does not answer: {type(error).__name__}") from None
        try:
            self._client.get_waiter("image_scan_complete").wait(**image)
        except (BotoCoreError, ClientError) as error:
            raise ImageError(f"ECR did not scan {digest}: {type(error).__name__}") from None
        found = self._ask("describe_image_scan_findings", **image)["imageScanFindings"]
        counts: Mapping[str, int] = found.get("findingSeverityCounts", {})
        return {severity: counts[severity] for severity in _SEVERITIES if counts.get(severity)}

    def _ask(self, method: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            return getattr(self._client, method)(**arguments)
        except ClientError as error:
            code = cast("dict[str, Any]", error.response).get("Error", {}).get("Code", "unknown")
            raise ImageError(f"ECR refuses {method}: {code}") from None
        except BotoCoreError as error:
            raise ImageError(f"ECR does not answer {method}: {type(error).__name__}") from None


def _client() -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise ImageError("images are pushed with boto3: pip install 'churn-serve[deploy]'") from None
    try:
        return cast("Any", boto3).client("ecr")
    except BotoCoreError as error:
        raise ImageError(f"AWS is not configured: {error}") from None


def _build(place: str, reference: str, model: str, commit: str, root: Path) -> None:
    base = os.environ.get("LAMBDA_BASE", BASE)
    digest = os.environ.get("LAMBDA_DIGEST") or _base_digest(base, root)
    words = {
        "LAMBDA_BASE": base,
        "LAMBDA_DIGEST": digest,
        "BUNDLE": place,
        "MODEL_DIGEST": model,
        "VERSION": __version__,
        "REVISION": commit,
    }
    arguments = [word for name, value in words.items() for word in ("--build-arg", f"{name}={value}")]
    # Lambda takes a single image, not the list that an attestation makes of it.
    command = ["docker", "build", "--platform", "linux/amd64", "--provenance=false", "--target", "lambda"]
    _run([*command, *arguments, "--tag", reference, "."], root)


def _base_digest(base: str, root: Path) -> str:
    command = ["docker", "buildx", "imagetools", "inspect", base, "--format", "{{json .Manifest.Digest}}"]
    return str(json.loads(_run(command, root)))


def _refuse_weak(image: Image, least: str) -> None:
    if not least:
        return
    refused = _SEVERITIES[: _SEVERITIES.index(least) + 1]
    found = [f"{count} {severity}" for severity, count in image.findings.items() if severity in refused]
    if found:
        raise ImageError(f"{image.uri} has known weaknesses: {', '.join(found)}")


def _below(bundle: Path, root: Path) -> str:
    try:
        return str(bundle.resolve().relative_to(root.resolve()))
    except ValueError:
        raise ImageError(f"{bundle} is outside of {root.resolve()}, which Docker builds from") from None


def _run(command: Sequence[str], root: Path, said: str | None = None) -> str:
    if not shutil.which(command[0]):
        raise ImageError(f"{command[0]} is not installed")
    done = subprocess.run(  # noqa: S603 - Docker and git, with our own words
        command, cwd=root, input=said, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        what = " ".join(command[:2])
        raise ImageError(f"{what} failed: {lines[-1][:300] if lines else 'it gives no reason'}")
    return done.stdout
