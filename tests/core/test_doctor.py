"""`churn doctor` finds what is wrong with an installation and says what to do."""

from __future__ import annotations

import socket
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_core import doctor, registry
from churn_core.doctor import EXTRAS, Finding, examine
from churn_core.errors import PluginError
from tests.support.bundles import logistic_bundle


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def about(topic: str, root: Path) -> list[Finding]:
    return [finding for finding in examine(root) if finding.topic == topic]


def the(topic: str, root: Path) -> tuple[str, str]:
    (finding,) = about(topic, root)
    assert finding.advice or finding.status == "ok"
    return finding.status, finding.text


def test_an_empty_folder_has_notes_but_no_problems(tmp_path: Path) -> None:
    findings = examine(tmp_path)
    assert [finding for finding in findings if finding.status == "problem"] == []
    assert {finding.topic for finding in findings} == {
        "python", "packages", "plugins", "params", "git", "dvc", "mlflow", "bundle",
    }  # fmt: skip
    assert all(finding.advice for finding in findings if finding.status == "note")


def test_the_extras_are_those_of_the_distribution() -> None:
    root = Path(doctor.__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
    for extra, modules in EXTRAS.items():
        declared = project["optional-dependencies"][extra]
        packages = [requirement.split(">")[0].split("=")[0] for requirement in declared]
        own = [name for name in packages if not name.startswith("churn-core")]
        assert [names.get(name, name) for name in own] == list(modules)
    assert set(EXTRAS) == set(project["optional-dependencies"])


@pytest.mark.parametrize(
    ("running", "status", "text"),
    [
        ((3, 11, 9), "ok", "Python 3.11.9"),
        ((3, 13, 0), "note", "Python 3.13.0: the trainer 'native' works, PyCaret does not"),
        ((3, 15, 0), "note", "Python 3.15.0 is untested"),
    ],
)
def test_python(
    running: tuple[int, int, int], status: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", running)
    assert the("python", tmp_path) == (status, text)


def test_missing_packages_are_named_with_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in ("pyspark", "dvc") else object())
    found = [(finding.status, finding.text) for finding in about("packages", tmp_path)]
    assert ("note", "extra 'spark' lacks pyspark") in found
    assert ("note", "extra 'train' lacks dvc") in found
    assert ("ok", "extra 'runtime' is installed") in found


def test_a_numpy_that_pycaret_does_not_bear_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "version", lambda name: "2.1.0")
    assert "PyCaret needs numpy 1, but a newer one is installed" in [
        finding.text for finding in about("packages", tmp_path) if finding.status == "problem"
    ]


def test_broken_plugins_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.get

    def get(group: str, name: str) -> object:
        if name == "native":
            raise PluginError("native is broken")
        return load(group, name)

    monkeypatch.setattr(registry, "get", get)
    monkeypatch.setattr(registry, "unreadable_distributions", lambda: ("acme",))
    found = [finding.text for finding in about("plugins", tmp_path) if finding.status == "problem"]
    assert found == ["native is broken", "the list of plugins of acme is damaged"]


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("schema: ibm-telco\n", "ok", "params.yaml is valid"),
        ("schema: acme\ngate: {checks: [{name: magic}]}\n", "problem", "(schemas: acme, checks: magic)"),
        ("shema: ibm-telco\n", "problem", "unknown key 'shema'; did you mean 'schema'?"),
    ],
)
def test_params(text: str, status: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(text)
    found = the("params", tmp_path)
    assert found[0] == status
    assert said in found[1]


@pytest.mark.parametrize(
    ("config", "status", "said"),
    [
        ("", "note", "no DVC remote is set"),
        ("[core]\nremote = hub\n", "problem", "the DVC remote 'hub' has no address"),
        ("[core]\nremote = hub\n['remote \"hub\"']\nurl = s3://x\n", "ok", "through the remote 'hub'"),
        ("remote\n", "problem", ".dvc/config cannot be read"),
    ],
)
def test_dvc(config: str, status: str, said: str, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(config)
    found = the("dvc", tmp_path)
    assert found[0] == status
    assert said in found[1]


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_answers_and_one_that_does_not(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}/x")
    (answers,) = about("mlflow", tmp_path)
    assert (answers.status, answers.text) == ("ok", f"the MLflow server 127.0.0.1:{port} answers")
    assert "MLFLOW_TRACKING_USERNAME" in answers.advice
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert the("mlflow", tmp_path) == ("problem", "the MLflow server 127.0.0.1:1 does not answer")


@pytest.mark.parametrize(
    ("uri", "status", "said"),
    [
        ("sqlite:///x.db", "ok", "a store of kind 'sqlite'"),
        ("mlruns", "ok", "a store of kind 'file'"),
        ("http://[::", "problem", "is not a URI"),
        ("http://host:port", "problem", "is not a URI"),
    ],
)
def test_other_stores(
    uri: str, status: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = the("mlflow", tmp_path)
    assert found[0] == status
    assert said in found[1]


def test_a_secret_in_an_address_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hunter2@127.0.0.1:1/")
    assert "hunter2" not in str(about("mlflow", tmp_path))


def test_a_bundle_is_verified(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "candidate"
    logistic_bundle(folder)
    assert the("bundle", tmp_path)[0] == "ok"
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\x00")
    assert the("bundle", tmp_path)[0] == "problem"


def test_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert the("git", tmp_path) == ("note", "this is no git repository")
    (tmp_path / ".git").mkdir()
    assert the("git", tmp_path / "inner")[0] == "ok"
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert the("git", tmp_path) == ("note", "git is not installed")
