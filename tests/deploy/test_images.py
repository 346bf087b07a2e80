"""Images are built by Docker, which is a stand-in here, and kept and scanned by ECR, which is moto's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from moto import mock_aws

from churn_core.cli.main import churn
from churn_serve.images import ImageError, make_image
from tests.support.bundles import logistic_bundle

# Notes what it is asked; `push` puts an image into the registry, as far as ECR can tell.
DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$1" in
    buildx) echo '"sha256:base"' ;;
    login) cat > /dev/null ;;
    push) touch "$PUSHED" ;;
    build) test -z "$BROKEN" || { echo "no space left" >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    logistic_bundle(root / "build/model")
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "A", "--allow-empty"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PUSHED", str(tmp_path / "pushed"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (tmp_path / "calls").touch()
    return root


@pytest.fixture
def ecr() -> Iterator[Any]:
    with mock_aws():
        client: Any = boto3.client("ecr", "eu-west-1")
        client.create_repository(repositoryName="churn")
        yield Pushing(client)


class Pushing:
    """ECR that has the image once Docker has pushed it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_image(self, **asked: Any) -> Any:

        if Path(os.environ["PUSHED"]).exists():
            manifest = json.dumps(
                {"schemaVersion": 2, "config": {"digest": "sha256:" + "a" * 64}, "layers": []}
            )
            kind = "application/vnd.docker.distribution.manifest.v2+json"
            tag = asked["imageIds"][0]["imageTag"]
            listed = self._client.list_images(repositoryName="churn")["imageIds"]
            if tag not in [image.get("imageTag") for image in listed]:
                self._client.put_image(
                    repositoryName="churn", imageManifest=manifest, imageManifestMediaType=kind, imageTag=tag
                )
        return self._client.batch_get_image(**asked)


def calls(project: Path) -> list[str]:
    return (project.parent / "calls").read_text().splitlines()


def test_an_image_is_built_once_and_known_by_its_digest(project: Path, ecr: Any) -> None:
    made = make_image(project / "build/model", "churn", project, refuse="", ecr=ecr)
    model = json.loads((project / "build/model/manifest.json").read_text())["digest"]
    assert made.built
    assert made.uri == f"{made.name}@{made.digest}"
    assert made.digest.startswith("sha256:")
    assert made.tag.endswith(f"-{model[:12]}")
    buildx, login, build, push = sorted(calls(project), key=_order)
    assert buildx.startswith("buildx imagetools inspect public.ecr.aws/lambda/python:3.13")
    assert "--password-stdin" in login
    assert f"MODEL_DIGEST={model}" in build
    assert "BUNDLE=build/model" in build
    assert "--provenance=false" in build
    assert push == f"push {made.name}:{made.tag}"
    again = make_image(project / "build/model", "churn", project, refuse="", ecr=ecr)
    assert (again.uri, again.built) == (made.uri, False)
    assert len(calls(project)) == 4


def _order(call: str) -> int:
    return ["buildx", "login", "build", "push"].index(call.split(maxsplit=1)[0])


def test_known_weaknesses_are_refused(project: Path, ecr: Any) -> None:
    with pytest.raises(ImageError, match="has known weaknesses: 1 HIGH"):
        make_image(project / "build/model", "churn", project, refuse="HIGH", ecr=ecr)
    assert make_image(project / "build/model", "churn", project, ecr=ecr).findings == {"HIGH": 1}


def test_what_docker_says_is_told(project: Path, ecr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(ImageError, match="docker build failed: no space left"):
        make_image(project / "build/model", "churn", project, ecr=ecr)


def test_what_aws_says_is_told(project: Path, ecr: Any) -> None:
    with pytest.raises(ImageError, match="ECR refuses batch_get_image: RepositoryNotFoundException"):
        make_image(project / "build/model", "nowhere", project, ecr=ecr)


def test_a_bundle_outside_is_refused(project: Path, tmp_path: Path, ecr: Any) -> None:
    logistic_bundle(tmp_path / "elsewhere")
    with pytest.raises(ImageError, match="is outside of"):
        make_image(tmp_path / "elsewhere", "churn", project, ecr=ecr)


def test_without_docker_the_command_says_so(project: Path, ecr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parent / "bin/docker").unlink()
    words = [
        "image",
        "--bundle",
        str(project / "build/model"),
        "--repository",
        "churn",
        "--root",
        str(project),
    ]
    result = CliRunner().invoke(churn, words)
    assert (result.exit_code, result.stderr) == (1, "error: docker is not installed\n")
