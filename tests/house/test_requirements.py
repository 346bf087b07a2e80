"""The pins: complete, free of addresses, and what the declared requirements ask for."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class Pin(NamedTuple):
    name: str
    version: str
    marker: str


class Purpose(NamedTuple):
    """What a file of pins has to satisfy: extras of churn-core and of further projects, groups, Pythons."""

    extras: Sequence[str]
    projects: Mapping[str, Sequence[str]]
    groups: Sequence[str]
    pythons: Sequence[str]


_CLIENT = {"churn_client": ["aws", "otel"]}
_SERVER = {"churn_serve": ["server"]}
PURPOSES = {
    "client": Purpose((), _CLIENT, (), ["3.11", "3.12", "3.13"]),
    "serve": Purpose(["runtime"], _SERVER, (), ["3.11", "3.12", "3.13"]),
    "native": Purpose(["native"], _SERVER | _CLIENT, ["test"], ["3.11", "3.12", "3.13"]),
    "train-3.11": Purpose(
        ["train", "spark"], {"churn_serve": ["server", "deploy"], **_CLIENT}, ["dev"], ["3.11"]
    ),
}
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+))?")


def pins(root: Path, name: str) -> list[Pin]:
    lines = (root / "requirements" / f"{name}.txt").read_text().splitlines()
    matches = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(matches), "a line is no pin"
    return [Pin(m["name"], m["version"], m["marker"] or "") for m in matches if m]


def pinned(root: Path, name: str, python: str) -> dict[str, str]:
    """Versions by name on Linux with that Python."""
    env = linux(python)
    chosen = [pin for pin in pins(root, name) if not pin.marker or Marker(pin.marker).evaluate(env)]
    assert len({pin.name for pin in chosen}) == len(chosen), "a package has two versions"
    return {pin.name: pin.version for pin in chosen}


def linux(python: str) -> dict[str, str]:
    here = {key: str(value) for key, value in default_environment().items()}
    return here | {
        "python_version": python,
        "python_full_version": f"{python}.5",
        "sys_platform": "linux",
        "platform_system": "Linux",
    }


def project(root: Path, folder: str = "") -> dict[str, Any]:
    return tomllib.loads((root / folder / "pyproject.toml").read_text())


def direct(root: Path, purpose: Purpose) -> Iterator[Requirement]:
    """Everything that the projects name themselves for that purpose."""
    core = project(root)
    yield from map(Requirement, core["project"]["dependencies"])
    for extra in purpose.extras:
        yield from _of_extra(core, extra)
    for folder, extras in purpose.projects.items():
        content = project(root, folder)["project"]
        optional = [line for extra in extras for line in content["optional-dependencies"][extra]]
        yield from map(Requirement, [*content["dependencies"], *optional])
    for group in purpose.groups:
        yield from _of_group(core, group)


def _of_extra(core: dict[str, Any], extra: str) -> Iterator[Requirement]:
    for line in core["project"]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == "churn-core":
            for inner in requirement.extras:
                yield from _of_extra(core, inner)
        else:
            yield requirement


def _of_group(core: dict[str, Any], group: str) -> Iterator[Requirement]:
    for entry in core["dependency-groups"][group]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from _of_group(core, entry["include-group"])


@pytest.mark.parametrize("name", PURPOSES)
def test_pins_say_how_they_are_made_and_name_no_index(root: Path, name: str) -> None:
    text = (root / "requirements" / f"{name}.txt").read_text()
    assert "make constraints" in text.splitlines()[1]
    assert not re.search(r"https?:|file:|--|@|/", text)
    assert (root / "requirements" / f"{name}.in").exists()


def test_every_file_of_pins_is_checked_here(root: Path) -> None:
    files = {path.stem for path in (root / "requirements").glob("*.txt")}
    assert files == {*PURPOSES, "overrides"}


@pytest.mark.parametrize(
    ("name", "python"), [(name, python) for name, purpose in PURPOSES.items() for python in purpose.pythons]
)
def test_pins_satisfy_what_is_declared(root: Path, name: str, python: str) -> None:
    versions = pinned(root, name, python)
    wanted = [r for r in direct(root, PURPOSES[name]) if not r.name.startswith("churn-")]
    assert wanted
    wrong = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0.0.0.dev0"))
    ]
    assert wrong == []


def test_light_pins_bring_nothing_heavy(root: Path) -> None:
    heavy = {"pandas", "scikit-learn", "scipy", "mlflow", "pycaret", "matplotlib", "pyarrow", "onnx"}
    assert not heavy & {pin.name for pin in pins(root, "serve")}
    assert not (heavy | {"numpy", "onnxruntime", "fastapi"}) & {pin.name for pin in pins(root, "client")}


def test_nothing_for_graphics_cards_is_installed(root: Path) -> None:
    assert [name for name in pinned(root, "train-3.11", "3.11") if name.startswith("nvidia")] == []


def test_this_environment_is_the_pinned_one(root: Path) -> None:
    python = "{}.{}".format(*sys.version_info)
    versions = pinned(root, "train-3.11" if python == "3.11" else "native", python)
    installed = {name: importlib.metadata.version(name) for name in versions}
    assert installed == versions


def test_all_projects_share_one_version(root: Path) -> None:
    contents = [project(root, folder)["project"] for folder in ("", "churn_serve", "churn_client")]
    assert len({content["version"] for content in contents}) == 1
    needs = [
        line for content in contents[1:] for line in content["dependencies"] if line.startswith("churn-core")
    ]
    assert len(needs) == 2
    assert all(line.endswith(f"=={contents[0]['version']}") for line in needs)
    assert {content["requires-python"] for content in contents} == {">=3.11"}


def test_every_direct_dependency_is_explained(root: Path) -> None:
    table = (root / "docs/dependencies.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    explained = {name.split()[0].strip(",") for row in rows for name in row.split(", ")}
    named = {
        canonicalize_name(r.name)
        for purpose in PURPOSES.values()
        for r in direct(root, purpose)
        if not r.name.startswith("churn-")
    }
    assert named - explained == set()
