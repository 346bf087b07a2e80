"""`churn serve` as a process, and which bundle it takes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from churn_client import ChurnClient, IbmTelcoCustomer
from churn_core.cli.main import churn
from churn_core.cli.serve import default_bundle
from churn_core.errors import BundleError
from churn_core.tracking import tracking
from churn_core.tracking.client import connect
from tests.support.bundles import logistic_bundle

CHURN = [sys.executable, "-c", "from churn_core.cli import main; main()", "serve"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in (
        "CHURN_BUNDLE",
        "CHURN_AUTH",
        "CHURN_API_KEY_HASHES",
        "CHURN_API_KEY",
        "MLFLOW_TRACKING_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    return logistic_bundle(tmp_path / "models/candidate").folder


def test_without_any_model_it_says_how_to_get_one() -> None:
    with pytest.raises(BundleError, match="there is no model yet .*make run"):
        default_bundle()


def test_without_production_the_candidate_is_taken_and_called_so(
    candidate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Path(default_bundle()).resolve() == candidate
    assert "which no gate has passed" in capsys.readouterr().err


def test_an_empty_registry_leaves_the_candidate(
    candidate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(tracking(root=tmp_path), create=True):
        pass
    assert Path(default_bundle()).resolve() == candidate
    said = "no version with the alias 'production' of model 'telco-churn-prediction'; taking"
    assert said in capsys.readouterr().err


def _gone(environment: pytest.MonkeyPatch) -> None:
    Path("mlartifacts").mkdir()


def _broken(environment: pytest.MonkeyPatch) -> None:
    Path("mlflow.db").write_bytes(b"this is no database" * 100)


def _missing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere/mlflow.db")


def _unmounted(environment: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text("mlflow: {tracking_uri: 'sqlite:///share/mlflow.db'}\n", encoding="utf-8")


def _unreachable(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("trouble", [_gone, _broken, _missing, _unmounted, _unreachable])
def test_without_its_registry_nothing_ungated_is_served(
    trouble: Callable[[pytest.MonkeyPatch], None], candidate: Path, environment: pytest.MonkeyPatch
) -> None:
    trouble(environment)
    Path("a.json").write_text("{}", encoding="utf-8")
    for command in (["serve", "--port", "0"], ["predict", "a.json"]):
        result = CliRunner().invoke(churn, command)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")
        assert "--bundle models/candidate takes the candidate, which no gate has passed" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_production_comes_first(candidate: Path, environment: pytest.MonkeyPatch) -> None:
    Path("mlflow.db").touch()
    asked: list[str] = []
    environment.setattr("churn_core.bundle.stores.fetch_bundle", asked.append)
    assert default_bundle() == "models:/telco-churn-prediction@production"
    assert asked == ["models:/telco-churn-prediction@production"]


def test_it_serves_until_ctrl_c(candidate: Path) -> None:
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*CHURN, "--port", "0"], **pipes) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://[\d.:]+", line)
            assert address, process.communicate()
            with ChurnClient(address[0]) as client:
                answer = client.predict(IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example()))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert line.startswith("serving telco-churn-prediction, version local (bundle ")
    assert answer.model.digest[:12] in line


def test_a_taken_port_is_one_sentence(candidate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(churn, ["serve", "--bundle", str(candidate), "--port", port])
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port\n"
    )


def test_the_network_is_not_served_without_keys(candidate: Path) -> None:
    arguments = ["serve", "--bundle", str(candidate), "--host", "0.0.0.0", "--port", "0"]
    result = CliRunner().invoke(churn, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: listening on 0.0.0.0 without API keys is refused")


def test_a_damaged_bundle_is_not_served(candidate: Path) -> None:
    graph = candidate / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    result = CliRunner().invoke(churn, ["serve", "--bundle", str(candidate), "--port", "0"])
    assert result.exit_code == 1
    assert "is not the graph that the manifest describes" in result.stderr


def test_the_environment_may_name_the_bundle(candidate: Path, environment: pytest.MonkeyPatch) -> None:
    shutil.rmtree(candidate)
    environment.setenv("CHURN_BUNDLE", "/no/such/bundle")
    result = CliRunner().invoke(churn, ["serve", "--port", "0"])
    assert result.stderr == "error: there is no bundle folder '/no/such/bundle'\n"
    assert os.environ["CHURN_BUNDLE"]
