"""The Dockerfile and what its builder sees."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import NamedTuple

import pytest

FINAL = {"server": "SERVER", "lambda": "LAMBDA"}


class Step(NamedTuple):
    stage: str
    word: str
    text: str


@pytest.fixture(scope="module")
def steps(root: Path) -> list[Step]:
    """The instructions, those before the first stage under an empty name."""
    lines = (line for line in (root / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[Step] = []
    for line in filter(None, joined.splitlines()):
        word, _, text = line.partition(" ")
        stage = text.split()[-1] if word == "FROM" else found[-1].stage if found else ""
        found.append(Step(stage, word, text))
    return found


def texts(steps: list[Step], word: str, stage: str) -> list[str]:
    return [step.text for step in steps if (step.word, step.stage) == (word, stage)]


def test_hadolint_has_no_complaint(root: Path) -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, root / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_bases_are_pinned_by_digests_that_must_be_given(steps: list[Step]) -> None:
    stages = {step.stage for step in steps}
    outside = {step.text.split()[0] for step in steps if step.word == "FROM"} - stages
    assert outside == {f"${{{name}_BASE}}@${{{name}_DIGEST}}" for name in FINAL.values()}
    given = dict(text.split("=") for text in texts(steps, "ARG", ""))
    for name in FINAL.values():
        assert given[f"{name}_DIGEST"] == f"sha256:missing-build-arg-{name}_DIGEST"


def test_lambda_is_the_default_target(steps: list[Step]) -> None:
    assert steps[-1].stage == "lambda"


def test_both_bases_have_one_python_that_the_packages_support(root: Path, steps: list[Step]) -> None:
    bases = [text for text in texts(steps, "ARG", "") if "_BASE=" in text]
    versions = {re.findall(r":(\d+\.\d+)", base)[0] for base in bases}
    assert len(versions) == 1
    for folder in ("", "churn_serve"):
        project = tomllib.loads((root / folder / "pyproject.toml").read_text())["project"]
        assert f"Programming Language :: Python :: {versions.copy().pop()}" in project["classifiers"]


@pytest.mark.parametrize("stage", FINAL)
def test_trees_are_built_by_the_script_alone(image: SimpleNamespace, steps: list[Step], stage: str) -> None:
    (run,) = texts(steps, "RUN", f"{stage}-tree")
    mount, *command = shlex.split(run)
    assert mount == "--mount=type=secret,id=pip,target=/etc/pip.conf"
    assert command[:2] == ["python3", "scripts/image.py"]
    given = image.parser().parse_args(command[2:])
    assert (str(given.bundle), str(given.out), given.server) == ("bundle", "/tree", stage == "server")
    assert (given.model_digest, given.limit_mb) == ("${MODEL_DIGEST}", image.LIMIT_MB)
    target = {"server": "./", "lambda": "${LAMBDA_TASK_ROOT}"}[stage]
    assert texts(steps, "COPY", stage) == [f"--from={stage}-tree /tree {target}"]


def test_the_script_finds_all_that_it_needs(root: Path, image: SimpleNamespace, steps: list[Step]) -> None:
    copied = {name for text in texts(steps, "COPY", "sources") for name in text.split()[:-1]}
    needed = {image.PINS, image.CHECK, root / "scripts/image.py", *(root / name for name in image.SOURCES)}
    assert copied - {"${BUNDLE}"} == {path.relative_to(root).as_posix() for path in needed}
    assert all(path.exists() for path in needed)


@pytest.mark.parametrize("stage", FINAL)
def test_nobody_is_root(steps: list[Step], stage: str) -> None:
    (user,) = texts(steps, "USER", stage)
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)


@pytest.mark.parametrize("stage", FINAL)
def test_labels_say_version_commit_model_and_base(steps: list[Step], stage: str) -> None:
    labels = dict(part.split("=", 1) for part in shlex.split(texts(steps, "LABEL", stage)[0]))
    assert labels.pop("org.opencontainers.image.title")
    base = FINAL[stage]
    assert labels == {
        "org.opencontainers.image.version": "${VERSION}",
        "org.opencontainers.image.revision": "${REVISION}",
        "org.opencontainers.image.source": "${SOURCE}",
        "org.opencontainers.image.base.name": f"${{{base}_BASE}}",
        "org.opencontainers.image.base.digest": f"${{{base}_DIGEST}}",
        "churn.model.digest": "${MODEL_DIGEST}",
    }
    assert {value.strip("${}") for value in labels.values()} == set(texts(steps, "ARG", stage))


def test_they_start_what_there_is(root: Path, steps: list[Step]) -> None:
    module, _, name = texts(steps, "CMD", "lambda")[0].strip('["]').rpartition(".")
    source = (root / f"{module.replace('.', '/')}.py").read_text()
    assert re.search(rf"^(def )?{name}\b", source, re.MULTILINE)
    (start,) = texts(steps, "ENTRYPOINT", "server")
    assert start == '["python", "-m", "churn_serve", "--host", "0.0.0.0", "--port", "8000"]'
    assert texts(steps, "EXPOSE", "server") == ["8000"]
    assert "http://127.0.0.1:8000/health/ready" in texts(steps, "HEALTHCHECK", "server")[0]


def test_the_model_lies_where_the_service_looks(root: Path, steps: list[Step]) -> None:
    assert texts(steps, "WORKDIR", "server") == ["/var/task"]
    (settings,) = texts(steps, "ENV", "server")
    place = dict(part.split("=") for part in settings.split())["CHURN_BUNDLE"]
    assert place == "/var/task/model"
    assert any(f'"{place}"' in path.read_text() for path in (root / "churn_serve").glob("*.py"))


# --- what the builder sees


def patterns(root: Path) -> Iterator[str]:
    for line in (root / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            yield line


def seen(path: str, patterns: list[str]) -> bool:
    """Whether a file is sent to the builder: the last pattern that fits it, or a folder above it, decides."""
    sent = True
    folders = [path, *map(str, PurePosixPath(path).parents)]
    for pattern in patterns:
        glob = pattern.removeprefix("!")
        anywhere = glob.removeprefix("**/")
        if any(
            fnmatchcase(name, glob) or (glob != anywhere and fnmatchcase(name, anywhere)) for name in folders
        ):
            sent = pattern.startswith("!")
    return sent


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "mlflow.db",
        "mlruns/0/meta.yaml",
        "mlartifacts/1/model.onnx",
        "data/raw/customers.csv",
        "outputs/report.html",
        "tests/conftest.py",
        "churn_core/__pycache__/errors.cpython-311.pyc",
        "churn_serve/build/lib/x.py",
        "churn_serve/churn_serve.egg-info/PKG-INFO",
        "churn_client/__init__.py",
        "requirements/train-3.11.txt",
        "build/docs/index.html",
    ],
)
def test_the_builder_is_not_sent(root: Path, path: str) -> None:
    assert not seen(path, list(patterns(root)))


def test_the_builder_is_sent_what_is_copied(root: Path, image: SimpleNamespace) -> None:
    names = [image.PINS, image.CHECK, root / "scripts/image.py"]
    for source in image.SOURCES:
        place = root / source
        names += [place] if place.is_file() else place.rglob("*.py")
    files = [path.relative_to(root).as_posix() for path in names]
    assert len(files) > 100
    for path in (*files, "build/model/manifest.json", "models/candidate/model.onnx", "churn_core/py.typed"):
        assert seen(path, list(patterns(root))), path
