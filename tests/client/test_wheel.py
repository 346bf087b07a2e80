"""The client's wheel, installed from the registry into empty environments of every Python that is here.

A Python that this machine does not have is skipped, and the reason says which ones were found on `PATH`.
Without a registry nothing can be installed: that is skipped too, but never in CI.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.support.imports import ROOT
from tests.support.wheels import build_wheels, content, metadata

UV = [sys.executable, "-m", "uv", "--no-python-downloads"]
PYTHONS = ["3.11", "3.12", "3.13"]
UNREACHABLE = re.compile("NewConnectionError|NameResolutionError|ConnectTimeoutError|Max retries exceeded")
CONSUMER = """
import churn_client

def test_the_fixture_is_there(churn_service):
    assert churn_client.predict_churn(churn_client.IbmTelcoCustomer.spec.example()).model.name == "fake"
"""
LIST = """
import importlib.metadata
print(*sorted(one.name.lower().replace("_", "-") for one in importlib.metadata.distributions()))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_wheels(ROOT, tmp_path_factory.mktemp("release"), ["churn-core", "churn-client"])


def test_what_the_wheel_says_about_itself(wheels: dict[str, Path]) -> None:
    said = metadata(wheels["churn-client"])
    assert wheels["churn-client"].name == f"churn_client-{said['Version']}-py3-none-any.whl"
    assert (said["Name"], said["License-Expression"], said["License-File"]) == (
        "churn-client",
        "Apache-2.0",
        "LICENSE",
    )
    assert said["Summary"]
    assert said["Requires-Python"] == ">=3.11"
    supported = {one.rpartition(" ")[2] for one in said.get_all("Classifier", []) if "Python ::" in one}
    assert supported == {*PYTHONS}
    assert "http" not in str(said).replace("httpx", "").replace("httpcore", "")


def test_the_wheel_is_whole_and_its_record_is_true(wheels: dict[str, Path]) -> None:
    files = content(wheels["churn-client"])
    assert {
        "churn_client/py.typed",
        "churn_client/testing/__init__.py",
        "churn_client/pytest_plugin.py",
    } <= files
    assert {name.split("/")[0].partition("-")[0] for name in files} == {"churn_client"}
    with zipfile.ZipFile(wheels["churn-client"]) as archive:
        record = next(name for name in files if name.endswith("/RECORD"))
        rows = [row for row in csv.reader(io.StringIO(archive.read(record).decode())) if row[0] != record]
        assert {row[0] for row in rows} == files - {record}
        for name, digest, size in rows:
            found = archive.read(name)
            sha = base64.urlsafe_b64encode(hashlib.sha256(found).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={sha}", len(found))


@cache
def found() -> dict[str, str]:
    """The Pythons of this machine, by version: on the path, or beside the one that runs this."""
    beside = Path(sys.base_prefix).parent
    pythons = dict[str, str]()
    for version in PYTHONS:
        places = [f"python{version}", *beside.glob(f"*{version}*/bin/python{version}")]
        if python := next(filter(None, (_itself(str(place)) for place in places)), ""):
            pythons[version] = python
    return pythons


def _itself(python: str) -> str:
    """The interpreter, where `python` may be a script that looks for one; nothing where there is none."""
    command = [python, "-c", "import sys; print(sys.executable)"]
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def _uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*UV, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT)


def _install(python: Path, *what: str | Path) -> None:
    # Pip rather than uv: pip finds indexes and certificates wherever this machine keeps them.
    options = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if "CI" not in os.environ and UNREACHABLE.search(done.stderr):
        pytest.skip("no registry can be reached")
    assert done.returncode == 0, done.stderr


def _run(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Without anything of this environment, its service and this repository.
    return subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": os.defpath},
    )


@pytest.mark.parametrize("version", PYTHONS)
def test_it_can_be_used_in_an_empty_environment(
    wheels: dict[str, Path], tmp_path: Path, version: str
) -> None:
    if version not in found():
        pytest.skip(f"Python {version} is not on this machine; found: {', '.join(found()) or 'none'}")
    made = _uv("venv", "--no-project", "--python", found()[version], tmp_path / "empty")
    assert made.returncode == 0, made.stderr
    python = tmp_path / "empty/bin/python"
    _install(python, *wheels.values(), "--constraint", ROOT / "requirements/client.txt")
    assert _run(python, "-c", LIST, folder=tmp_path).stdout.split() == _needed()

    names = "predict_churn, ChurnClient, AsyncChurnClient, IbmTelcoCustomer, TelcoVisionCustomer"
    used = _run(
        python,
        "-W",
        "error",
        "-c",
        f"import sys; from churn_client import {names}; print(sys.version)",
        folder=tmp_path,
    )
    assert used.stdout.startswith(f"{version}."), used.stderr
    asked = _run(python, "-m", "churn_client", "model", folder=tmp_path)
    assert (asked.returncode, asked.stderr.startswith("error: no service is named")) == (1, True)

    _install(python, "pytest>=8.3")
    (tmp_path / "test_consumer.py").write_text(CONSUMER, encoding="utf-8")
    tested = _run(python, "-m", "pytest", "-q", "-W", "error", "test_consumer.py", folder=tmp_path)
    assert "1 passed" in tested.stdout, tested.stdout + tested.stderr


def _needed() -> list[str]:
    """The two wheels, what they ask for, and what that asks for; all of it is pinned."""
    names = ["annotated-types", "anyio", "certifi", "churn-client", "churn-core", "h11", "httpcore", "httpx"]
    names += ["idna", "pydantic", "pydantic-core", "typing-extensions", "typing-inspection"]
    pins = (ROOT / "requirements/client.txt").read_text(encoding="utf-8")
    assert all(f"\n{name}==" in pins for name in names if not name.startswith("churn-"))
    return names
