"""The three wheels: what is in them, and what is enough to use them.

A wheel is installed into an empty environment that is given nothing but the distributions that the wheel
declares, taken from this one; an import of anything else fails there.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.bundles import logistic_bundle
from tests.support.wheels import PROJECTS, build_wheels, content, metadata


@pytest.fixture(scope="module")
def wheels(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_wheels(root, tmp_path_factory.mktemp("release"))


def requires(wheel: Path, *extras: str) -> set[str]:
    """Names that an installation with those extras asks for directly."""
    found = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist", [])]
    return {r.name for r in found if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras)}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_package_and_nothing_else(root: Path, wheels: dict[str, Path], name: str) -> None:
    package = name.replace("-", "_")
    files = {file for file in content(wheels[name]) if ".dist-info/" not in file}
    sources = {
        path.relative_to(root).as_posix()
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    not_shipped = {f"{package}/pyproject.toml", f"{package}/README.md", f"{package}/LICENSE"}
    assert {
        file for file in sources if "egg-info" not in file and "/build/" not in file
    } - not_shipped == files
    assert f"{package}/py.typed" in files


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_carries_its_licence(wheels: dict[str, Path], name: str) -> None:
    assert metadata(wheels[name])["License-Expression"] == "Apache-2.0"
    assert any(re.search(r"dist-info/licenses/.*LICENSE$", file) for file in content(wheels[name]))


def test_bases_are_small(wheels: dict[str, Path]) -> None:
    assert requires(wheels["churn-core"]) == {"pydantic"}
    assert requires(wheels["churn-core"], "runtime") == {"pydantic", "numpy", "onnxruntime"}
    assert requires(wheels["churn-client"]) == {"churn-core", "httpcore", "httpx", "pydantic"}
    assert requires(wheels["churn-serve"]) == {"churn-core", "fastapi", "fastapi-offline", "mangum"}


def test_only_the_core_declares_plugins_and_only_the_client_one_of_pytest(wheels: dict[str, Path]) -> None:
    groups = {name: {group.partition(".")[0] for group in entry_points(wheels[name])} for name in PROJECTS}
    assert groups == {
        "churn-core": {"churn_core", "console_scripts"},
        "churn-serve": set(),
        "churn-client": {"pytest11"},
    }


def entry_points(wheel: Path) -> list[str]:
    """The groups in which a wheel registers something."""
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        text = "".join(archive.read(name).decode() for name in files)
    return re.findall(r"^\[(.+)]", text, re.MULTILINE)


# --- installed where nothing else is

Install = Callable[..., Path]


@pytest.fixture(scope="module")
def install(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Makes an environment with some of the wheels, and what they declare."""

    def installed(*names: str, extras: Iterable[str] = ()) -> Path:
        folder = tmp_path_factory.mktemp("-".join(names))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        python = folder / "bin/python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
        subprocess.run([*pip, "--no-deps", *(str(wheels[name]) for name in names)], check=True)
        _lend(python, closure(needed(wheels[name], extras) for name in names))
        return python

    return installed


def needed(wheel: Path, extras: Iterable[str]) -> Iterator[Requirement]:
    """The wheel's own requirements, those of churn-core aside."""
    for line in metadata(wheel).get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) not in PROJECTS and _applies(requirement, extras):
            yield requirement


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def closure(groups: Iterable[Iterable[Requirement]]) -> set[str]:
    """Names of all distributions that those requirements bring along."""
    todo = [requirement for group in groups for requirement in group]
    seen: set[str] = set()
    while todo:
        requirement = todo.pop()
        key = f"{canonicalize_name(requirement.name)}[{','.join(sorted(requirement.extras))}]"
        if key not in seen:
            seen.add(key)
            further = map(Requirement, importlib.metadata.requires(requirement.name) or [])
            todo += [r for r in further if _applies(r, requirement.extras)]
    return {key.partition("[")[0] for key in seen}


def _lend(python: Path, names: Iterable[str]) -> None:
    """Link those distributions of this environment into another one."""
    target = next((python.parent.parent / "lib").glob("python*/site-packages"))
    for name in names:
        distribution = importlib.metadata.distribution(name)
        tops = {
            file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")
        }
        for top in tops:
            if not (target / top).exists():
                (target / top).symlink_to(Path(str(distribution.locate_file(top))))


def run(python: Path, code: str, *arguments: str) -> str:
    """Run code with nothing but that environment on the path."""
    command = [str(python), "-I", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.defpath})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LACKS = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"


@pytest.fixture(scope="module")
def base(install: Install) -> Path:
    return install("churn-core")


def test_the_base_reads_schemas_and_lists_plugins(base: Path) -> None:
    assert run(base, LACKS, "numpy", "onnxruntime", "click", "yaml", "churn_serve", "churn_client") == "[]"
    code = "from churn_core import registry, schemas; print(*registry.names('schemas'))"
    assert run(base, code) == "ibm-telco telcovision"


def test_the_command_without_its_extra_says_what_to_install(base: Path) -> None:
    command = [str(base.parent / "churn"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.defpath})
    assert done.returncode == 1
    assert done.stderr.strip().startswith("error: ")
    assert "churn-core[cli]" in done.stderr


def test_the_client_needs_no_science(install: Install) -> None:
    python = install("churn-core", "churn-client")
    assert run(python, LACKS, "numpy", "onnxruntime", "yaml", "fastapi", "churn_serve", "click") == "[]"
    names = "predict_churn, ChurnClient, AsyncChurnClient, IbmTelcoCustomer, TelcoVisionCustomer"
    assert run(python, f"from churn_client import {names}; print('ok')") == "ok"


def test_the_service_scores_without_training(install: Install, tmp_path: Path) -> None:
    python = install("churn-core", "churn-serve", extras=["runtime", "server"])
    heavy = ("pandas", "sklearn", "mlflow", "pyarrow", "onnx", "matplotlib", "httpx", "churn_client")
    assert run(python, LACKS, *heavy) == "[]"
    logistic_bundle(tmp_path / "bundle")
    code = (
        "import sys, churn_core, churn_serve\n"
        "scorer = churn_core.load(sys.argv[1])\n"
        "print(scorer.predict(scorer.bundle.schema_spec.example()).churn_risk)"
    )
    assert run(python, code, str(tmp_path / "bundle")) in {"LOW", "MEDIUM", "HIGH"}
