"""`churn run` as a newcomer meets it: data to promoted model to an answered prediction."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_core.params import Params
from tests.support.imports import ROOT

COMMAND = "from churn_core.cli import main; main()"
PARAMS: dict[str, Any] = {
    "schema": "telcovision",
    "dataset": {"name": "synth", "options": {"schema": "telcovision", "rows": 1200, "seed": 1}},
    "train": {"trainer": "native", "models": ["lr"], "folds": 2, "tune": 0, "blend": 1},
    "gate": {"checks": [{"name": "bundle-intact"}, {"name": "floors", "options": {"roc_auc": 0.6}}]},
}


class Project:
    """A copy of the project with other parameters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(
            ROOT / "churn_core", root / "churn_core", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in ("dvc.yaml", ".dvcignore"):
            shutil.copy(ROOT / name, root)
        self.set(PARAMS)
        churn = root / ".venv/bin/churn"
        churn.parent.mkdir(parents=True)
        churn.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{COMMAND}' \"$@\"\n")
        churn.chmod(0o755)
        (root / ".dvc").mkdir()
        (root / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")

    def set(self, params: dict[str, Any]) -> None:
        """Write complete parameters: DVC knows no defaults."""
        complete = Params.model_validate(params).model_dump(mode="json", by_alias=True)
        (self.root / "params.yaml").write_text(yaml.safe_dump(complete))

    def start(self) -> subprocess.Popen[str]:
        """`churn run` in a process group of its own."""
        private = {"MLFLOW_TRACKING_URI", "CHURN_API_URL", "CHURN_API_KEY", "CHURN_BUNDLE"}
        environment = {name: value for name, value in os.environ.items() if name not in private}
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, "run"],
            cwd=self.root,
            env={**environment, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background may ignore what a terminal's Ctrl-C sends.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        )

    def run(self) -> tuple[int, str, str]:
        with self.start() as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out, err


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


def test_everything_is_done_once_and_then_remembered(project: Project) -> None:
    code, out, err = project.run()
    assert code == 0, out + err
    for stage in ("fetch", "prepare", "train", "evaluate"):
        assert f"{stage}: running" in out
        assert f"{stage}: done in " in out
    assert "register: version 1 of telco-churn-prediction, new" in out
    assert "promote: version 1 is in production" in out
    assert "whom training never saw" in out
    assert "probability of churn" in out
    assert "answered by version 1" in out
    for made in ("outputs/report.html", "outputs/metrics/metrics.json", "outputs/gate.md", "mlflow.db"):
        assert (project.root / made).is_file()

    code, out, err = project.run()
    assert code == 0, out + err
    assert out.count("nothing changed") == 3
    assert "register, gate, promote: version 1 is in production already" in out
    assert "answered by version 1" in out


def test_what_the_gate_refuses_does_not_go_into_production(project: Project) -> None:
    strict = {"checks": [{"name": "floors", "options": {"roc_auc": 0.99}}]}
    project.set({**PARAMS, "gate": strict})
    code, out, err = project.run()
    assert code == 1
    assert "fail floors" in out
    assert "promote" not in out
    assert err.strip().splitlines()[-1].startswith("error: the gate refuses the candidate")


def test_customers_of_another_schema_get_a_model_of_their_own(project: Project) -> None:
    other = {
        "schema": "ibm-telco",
        "dataset": {"name": "synth", "options": {"schema": "ibm-telco", "rows": 1200, "seed": 1}},
        "gate": {"checks": [{"name": "bundle-intact"}, {"name": "schema-compatible"}]},
    }
    project.set({**PARAMS, **other})
    code, out, err = project.run()
    assert code == 0, out + err
    assert "serves schema telcovision, so this one is registered as telco-churn-prediction-ibm-telco" in out
    assert "register: version 1 of telco-churn-prediction-ibm-telco, new" in out
    assert "churn serve --bundle models:/telco-churn-prediction-ibm-telco@production" in out
    assert "answered by version 1" in out


def test_a_failing_stage_is_one_sentence(project: Project) -> None:
    project.set({**PARAMS, "train": {"trainer": "native", "models": ["oracle"]}})
    code, out, err = project.run()
    assert code == 1
    assert "train: running" in out
    assert "'oracle'" in err
    assert err.strip().splitlines()[-1].startswith("error: stage 'train' failed")
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_is_stopped_leaves_nothing_running(project: Project, number: signal.Signals) -> None:
    project.set(PARAMS)
    with project.start() as process:
        assert process.stdout
        assert process.stdout.readline() == "fetch: running\n"
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert _ends(process.pid)


def _ends(group: int) -> bool:
    """Whether all processes of a group end within some seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
