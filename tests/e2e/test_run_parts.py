"""The parts of `churn run`: what DVC says, and the processes that must not stay behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from churn_client import IbmTelcoCustomer
from churn_core.cli import stages
from churn_core.cli.stages import ended, run_stages
from churn_core.cli.trial import ask_once, service
from churn_core.errors import StageError
from tests.support.bundles import logistic_bundle

FIRST_RUN = """
Running stage 'fetch':
> .venv/bin/churn fetch
data set 'ibm-telco': data/raw/customers.csv (856,204 bytes)
Generating lock file 'dvc.lock'
Updating lock file 'dvc.lock'

Running stage 'train':
> .venv/bin/churn train
model     ROC AUC
Updating lock file 'dvc.lock'

To track the changes with git, run:

\tgit add dvc.lock

To enable auto staging, run:
Use `dvc push` to send your updates to remote storage.
"""
SECOND_RUN = """
Running stage 'fetch':
> .venv/bin/churn fetch
data set 'ibm-telco': data/raw/customers.csv (856,204 bytes)
Stage 'train' didn't change, skipping
Data and pipelines are up to date.
"""


def _fake_dvc(monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> None:
    """Let a short program stand for DVC."""
    program = [sys.executable, "-c", f"import sys; print({text!r}, end=''); sys.exit({code})"]
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
        assert command[1:] == ["-m", "dvc", "repro"]
        return popen(program, **options)

    monkeypatch.setattr(stages.subprocess, "Popen", start)


def _without_seconds(lines: list[str]) -> list[str]:
    return [line.rpartition(" in ")[0] if ": done in " in line else line for line in lines]


@pytest.mark.parametrize(
    ("text", "ran", "expected"),
    [
        (
            FIRST_RUN,
            ["fetch", "train"],
            [
                "fetch: running",
                "    data set 'ibm-telco': data/raw/customers.csv (856,204 bytes)",
                "fetch: done",
                "train: running",
                "    model     ROC AUC",
                "train: done",
            ],
        ),
        (
            SECOND_RUN,
            ["fetch"],
            [
                "fetch: running",
                "    data set 'ibm-telco': data/raw/customers.csv (856,204 bytes)",
                "fetch: done",
                "train: nothing changed",
            ],
        ),
    ],
)
def test_stages_are_told_without_dvcs_chatter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, ran: list[str], expected: list[str]
) -> None:
    _fake_dvc(monkeypatch, text)
    said: list[str] = []
    assert run_stages(tmp_path, said.append) == ran
    assert _without_seconds(said) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Running stage 'fetch':\nUpdating lock file\nRunning stage 'train':\n", "stage 'train' failed"),
        ("", "the pipeline cannot run"),
    ],
)
def test_a_failed_stage_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, message: str
) -> None:
    _fake_dvc(monkeypatch, text, code=1)
    with pytest.raises(StageError, match=message):
        run_stages(tmp_path, lambda line: None)


def test_without_dvc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stages, "find_spec", lambda name: None)
    with pytest.raises(StageError, match=r"churn-core\[train\]"):
        run_stages(tmp_path, lambda line: None)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_process_ends_with_its_block(error: type[BaseException]) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], text=True)
    with pytest.raises(error), ended(process):
        raise error
    assert _gone(process.pid)


def test_a_stubborn_process_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "_PATIENCE", 0.2)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    started = time.monotonic()
    with ended(process):
        assert process.stdout
        process.stdout.readline()
    assert _gone(process.pid)
    assert time.monotonic() - started < 30


def test_one_question_to_a_service_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the user's own service asks for keys."""
    import churn_core

    monkeypatch.setenv("CHURN_API_KEY_HASHES", "0" * 64)
    monkeypatch.setenv("CHURN_API_URL", "http://production.example")
    customer = IbmTelcoCustomer.parse(IbmTelcoCustomer.spec.example())
    folder = logistic_bundle(tmp_path).folder
    answer = ask_once(str(folder), customer)
    expected = churn_core.load(str(folder)).predict(customer)
    assert answer.request_id
    assert answer.model_copy(update={"request_id": ""}) == expected
    assert os.environ["CHURN_API_URL"] == "http://production.example"


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(StageError, match="the service did not start: there is no bundle folder"),
        service("no"),
    ):
        pass
    logistic_bundle(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(StageError, match="the service did not start: .* is not the graph"):  # noqa: SIM117
        with service(str(tmp_path)):
            pass
