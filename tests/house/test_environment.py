"""Set-up: the right Python or one sentence, nothing twice, and never half an environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# --- setup.sh finds the Python


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A project in a path with a space: the real shell script, and one that says which Python runs."""
    folder = tmp_path / "a project"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(root / "scripts/setup.sh", folder / "scripts")
    (folder / "scripts/environment.py").write_text("import sys; print('ran', sys.version_info[:2])\n")
    return folder


def command(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def setup(project: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script where only a few basic commands are on the path."""
    tools = project.parent / "bin"
    tools.mkdir(exist_ok=True)
    for tool in ("dirname", "head"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(str(shutil.which(tool)))
    shell = str(shutil.which("sh"))
    script = str(project / "scripts/setup.sh")
    return subprocess.run(
        [shell, script], env={"PATH": str(tools)} | env, capture_output=True, text=True, check=False
    )


OTHER_PYTHON = 'case "$1" in --version) echo "Python 3.13.0";; *) exit 1;; esac'


def test_no_python_at_all(project: Path) -> None:
    done = setup(project)
    assert done.returncode == 1
    assert "Python 3.11 was not found (python3 is missing)" in done.stderr
    assert "CHURN_PYTHON=" in done.stderr


def test_only_another_python(project: Path) -> None:
    command(project.parent / "bin", "python3", OTHER_PYTHON)
    done = setup(project)
    assert done.returncode == 1
    assert "python3 is Python 3.13.0" in done.stderr


def test_a_name_that_is_no_command(project: Path) -> None:
    done = setup(project, CHURN_PYTHON="no-such-python")
    assert done.returncode == 1
    assert "CHURN_PYTHON is 'no-such-python', which is no command" in done.stderr


def test_a_name_of_another_python(project: Path) -> None:
    other = command(project.parent / "other", "python", OTHER_PYTHON)
    done = setup(project, CHURN_PYTHON=str(other))
    assert done.returncode == 1
    assert "(Python 3.13.0)" in done.stderr
    assert "needs Python 3.11" in done.stderr


# The scripts ask an interpreter for its version; this one answers as 3.11 whatever runs the tests.
AS_311 = f'case "$1" in -c) exit 0;; *) exec "{sys.executable}" "$@";; esac'


@pytest.mark.parametrize(
    "place", ["bin/python3.11", "bin/python3", "bin/python", "a project/.venv/bin/python"]
)
def test_found_where_it_may_be(project: Path, place: str) -> None:
    path = project.parent / place
    command(path.parent, path.name, AS_311)
    done = setup(project)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ran ")


def test_named_python_runs(project: Path) -> None:
    done = setup(project, CHURN_PYTHON=str(command(project.parent / "my own", "python", AS_311)))
    assert (done.returncode, done.stderr) == (0, "")


# --- environment.py does what is missing


class Machine:
    """Stands for the subprocesses: records them, makes what `venv` would make, fails when told to."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.failing: set[str] = set()
        self.done: list[str] = []
        self.commands: list[list[str]] = []

    def runs(self, command: list[str], env: Any = None) -> bool:
        step = self._step(command)
        self.commands.append(command)
        if step == "look":
            return self.module.PYTHON.exists()
        self.done.append(step)
        if step in self.failing:
            return False
        if step == "venv":
            self._touch("python")
        if step == "get uv":
            self._touch("uv")
        return True

    def _touch(self, name: str) -> None:
        (self.module.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (self.module.VENV / "bin" / name).touch()

    def _step(self, command: list[str]) -> str:
        if command[1] == "-c":
            return "look"
        if command[2] == "venv":
            return "venv"
        if command[-1] == "uv":
            return "get uv"
        tool = "uv" if command[0].endswith("uv") else "pip"
        return f"{tool}: {'project' if '--editable' in command else 'pins'}"


@pytest.fixture
def environment(tmp_path: Path, root: Path) -> ModuleType:
    """The real script, loaded from a small project of its own."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/train-3.11.txt").write_text("# header\nnumpy==1.26.4\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    path = Path(shutil.copy(root / "scripts/environment.py", tmp_path / "scripts"))
    spec = importlib.util.spec_from_file_location("environment_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def machine(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(environment)
    monkeypatch.setattr(environment, "_runs", made.runs)
    monkeypatch.setattr(environment, "_pip_options", lambda pip: {})
    return made


EVERYTHING = ["venv", "get uv", "uv: pins", "uv: project"]


def again(machine: Machine) -> list[str]:
    """Run once more; the steps that were done."""
    machine.done.clear()
    machine.module.refresh()
    return machine.done


def test_first_everything_then_nothing(machine: Machine) -> None:
    assert again(machine) == EVERYTHING
    assert again(machine) == []
    assert not machine.module.UNFINISHED.exists()


def test_changed_pins_are_installed_into_the_same_environment(machine: Machine) -> None:
    again(machine)
    machine.module.PINS.write_text("numpy==1.26.3\n")
    assert again(machine) == ["uv: pins", "uv: project"]
    assert again(machine) == []


def test_changed_project_is_installed_alone(machine: Machine) -> None:
    again(machine)
    (machine.module.ROOT / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert again(machine) == ["uv: project"]


@pytest.mark.parametrize("what", ["root", "python"])
def test_another_folder_or_interpreter_starts_anew(machine: Machine, what: str) -> None:
    again(machine)
    ready = machine.module.READY
    ready.write_text(ready.read_text().replace(f'"{what}": "', f'"{what}": "/elsewhere'))
    assert again(machine) == EVERYTHING


def test_an_environment_of_the_right_python_is_taken_over(machine: Machine) -> None:
    machine.runs(["python", "-m", "venv"])
    assert again(machine) == EVERYTHING[1:]


def test_interrupted_starts_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*what: str) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(machine.module, "_install", interrupted)
        assert machine.module.main() == 130
    left_over = machine.module.VENV / "half a package"
    left_over.touch()
    assert again(machine) == EVERYTHING
    assert not left_over.exists()


def test_pip_where_uv_cannot_be_had(machine: Machine) -> None:
    machine.failing = {"get uv"}
    assert again(machine) == ["venv", "get uv", "pip: pins", "get uv", "pip: project"]


def test_pip_where_uv_fails(machine: Machine) -> None:
    machine.failing = {"uv: pins"}
    assert again(machine) == ["venv", "get uv", "uv: pins", "pip: pins", "uv: project"]


def test_nothing_but_the_pins_is_installed(machine: Machine) -> None:
    again(machine)
    installs = [c for c in machine.commands if "install" in c and c[-1] != "uv"]
    assert len(installs) == 2
    assert all("--no-deps" in c for c in installs)


def test_without_network_one_sentence(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.failing = {"get uv", "pip: pins"}
    assert machine.module.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the packages could not be installed. Check the network connection")
    assert not machine.module.READY.exists()
    machine.failing = set()
    assert again(machine) == EVERYTHING


def test_python_without_venv(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert machine.module.main() == 1
    assert "python3.11-venv" in capsys.readouterr().err


def test_pip_settings_in_uv_words(environment: ModuleType) -> None:
    pip = {
        "index-url": "https://mirror.example",
        "extra-index-url": "https://a.example\nhttps://b.example",
        "find-links": "/wheels /more",
        "cert": "/ca.pem",
        "timeout": "60",
    }
    assert environment.uv_settings(pip, {"SSL_CERT_FILE": "/mine.pem"}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_pip_settings_come_from_files_and_environment(environment: ModuleType, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://file.example\nextra-index-url =\n    https://a.example\n    https://b.example\n"
    )
    pip = command(
        tmp_path,
        "pip",
        f'export PIP_CONFIG_FILE="{config}" PIP_INDEX_URL=https://env.example\n'
        f'exec "{sys.executable}" -m pip "$@"',
    )
    found = environment._pip_options([str(pip)])
    assert found["index-url"] == "https://env.example"
    assert found["extra-index-url"].split() == ["https://a.example", "https://b.example"]


def test_base_interpreter_is_not_inside_an_environment(environment: ModuleType) -> None:
    base = environment.base_python()
    assert os.access(base, os.X_OK)
    assert not Path(base).is_relative_to(sys.prefix) or sys.prefix == sys.base_prefix
