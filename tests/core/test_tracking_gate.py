"""The gate in a project: from `churn register` to `churn check-model`, as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from churn_core import load
from churn_core.errors import BundleError, DataError, RegistryError
from churn_core.gate import read_verdict
from churn_core.params import CheckParams, GateParams
from churn_core.schemas import TelcoVisionCustomer
from churn_core.tracking import (
    MlflowStore,
    gate_candidate,
    history,
    promote,
    register,
    tracking,
    training_customers,
)
from churn_core.tracking.client import connect
from churn_core.tracking.looks import count_looks
from churn_core.train.prepared import load_prepared
from tests.support.evaluations import WEIGHTS, add_candidate, ready
from tests.support.projects import Project, run_churn
from tests.support.tracking import MODEL


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """A project with prepared customers, a candidate and an empty registry."""
    root = tmp_path_factory.mktemp("prepared")
    ready(root)
    shutil.copy(empty_registry, root / "mlflow.db")
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = Path(shutil.copytree(prepared, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def project(root: Path) -> Project:
    return ExistingProject(root)


class ExistingProject(Project):
    def __init__(self, root: Path) -> None:
        self.root = root


def statuses(root: Path) -> dict[str, str]:
    verdict = read_verdict((root / "outputs/gate.json").read_bytes())
    return {result.name: result.status for result in verdict.results}


def run(*arguments: str | Path) -> str:
    """The output of a command that succeeds."""
    result = run_churn(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def replace_candidate(project: Project, **changes: object) -> None:
    add_candidate(project.root, **changes)  # type: ignore[arg-type]
    shutil.rmtree(project.root / "outputs", ignore_errors=True)


def test_from_candidate_to_production(root: Path) -> None:
    assert "registered: version 1" in run("register")
    assert "registered before: version 1" in run("register")
    judged = run("gate")
    assert "The candidate may go into production" in judged
    assert "pass bundle-intact: " in judged
    assert set(statuses(root).values()) == {"pass"}
    assert (root / "outputs/gate.md").read_text().startswith("# Gate: passed")
    assert "version 1 promoted by ana: autumn" in run("promote", "--who", "ana", "--reason", "autumn")
    assert run("promote") == "version 1 is in production already\n"
    run("gate")
    assert run("promote") == "version 1 is in production already\n"
    assert "is whole and fit for production" in run("check-model")
    assert "version 1 promoted by ana: autumn" in run("history")
    assert "telcovision, version 1" in run("bundle", "show", f"models:/{MODEL}@production")


def test_promoting_a_damaged_live_model_exits_with_1(root: Path) -> None:
    run("register")
    run("gate")
    run("promote")
    folder, _ = MlflowStore().fetch(f"models:/{MODEL}@production")
    (folder / "model.onnx").write_bytes(b"")
    result = run_churn("promote")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not the graph that the manifest describes" in result.stderr


def test_machines_read_json(root: Path) -> None:
    registered = json.loads(run("register", "--json"))
    assert (registered["version"], registered["created"]) == ("1", True)
    verdict = read_verdict(run("gate", "--json", "-").encode())
    assert verdict.candidate == registered["digest"]
    promoted = json.loads(run("promote", "--json"))
    assert promoted["verdict"] == verdict.digest
    (entry,) = json.loads(run("history", "--json"))
    assert entry == promoted
    assert json.loads(run("history", "--json", "--at", "1999-01-01")) == []
    assert json.loads(run("check-model", "--json")) == {
        "passed": True,
        "model": MODEL,
        "version": "1",
        "digest": registered["digest"],
        "problems": [],
    }


def test_the_verdict_goes_where_it_is_asked(root: Path) -> None:
    run("gate", "--json", "a.json", "--markdown", "a.md")
    assert (root / "a.json").read_bytes() == (root / "outputs/gate.json").read_bytes()
    assert (root / "a.md").read_text() == (root / "outputs/gate.md").read_text()


def test_a_refusal_exits_with_1_and_keeps_production(project: Project) -> None:
    run("register")
    run("gate")
    run("promote")
    replace_candidate(project, weights={**WEIGHTS, "contract_type=Month-to-Month": -1.26})
    run("register")
    judged = run_churn("gate")
    assert judged.exit_code == 1
    assert "fail champion: " in judged.stdout
    assert "The candidate is refused" in judged.stdout
    promoted = run_churn("promote")
    assert promoted.exit_code == 1
    assert promoted.stderr.startswith(f"error: version 2 of '{MODEL}' did not pass the gate (")
    with connect(tracking(root=project.root)) as client:
        assert client.get_registered_model(MODEL).aliases == {"candidate": 2, "production": 1}
    assert "over the gate's refusal: why not" in run(
        "promote", "--override", "--who", "ana", "--reason", "why not"
    )
    checked = run_churn("check-model")
    assert checked.exit_code == 1
    assert "promoted over the gate by ana: why not" in checked.stderr
    run("check-model", "--allow-override")
    assert "version 1 rolled back by ben" in run("rollback", "--who", "ben")
    run("check-model")


def test_a_candidate_is_judged_before_it_is_registered(project: Project) -> None:
    run("gate")
    run("register")
    assert promote(project.params, project.root, who="ana").to_version == "1"


def test_without_a_candidate_folder_the_registered_one_is_judged(project: Project) -> None:
    run("register")
    shutil.rmtree(project.root / "models")
    verdict = gate_candidate(project.params, project.root)
    assert verdict.passed
    assert gate_candidate(project.params, project.root, candidate=f"models:/{MODEL}/1") == verdict
    assert verdict.training == training_customers(project.params, project.root).digest


def test_the_champion_can_be_named(project: Project) -> None:
    digest = register(project.params, project.root).digest
    promote(project.params, project.root, who="ana", reason="first", override=True)
    named = gate_candidate(project.params, project.root, champion=f"models:/{MODEL}/1")
    assert named.champion == digest
    assert gate_candidate(project.params, project.root) == named
    assert gate_candidate(project.params, project.root, champion="none").champion == ""
    assert gate_candidate(project.params, project.root, champion="models/candidate") == named


def test_a_damaged_champion_keeps_its_digest(project: Project) -> None:
    digest = register(project.params, project.root).digest
    promote(project.params, project.root, who="ana", reason="first", override=True)
    folder, _ = MlflowStore().fetch(f"models:/{MODEL}@production")
    (folder / "model.onnx").write_bytes(b"")
    replace_candidate(project, intercept=-0.8)
    verdict = gate_candidate(project.params, project.root)
    assert verdict.champion == digest
    assert statuses(project.root)["champion"] == "fail"


def test_a_damaged_candidate_is_refused_with_a_verdict(root: Path) -> None:
    (root / "models/candidate/model.onnx").write_bytes(b"")
    result = run_churn("gate")
    assert result.exit_code == 1
    assert "fail candidate: The candidate cannot be opened" in result.stdout
    assert statuses(root)["floors"] == "skip"


def test_a_gate_without_a_registry_judges_a_first_model(root: Path) -> None:
    (root / "mlflow.db").unlink()
    assert "against no champion yet" in run("gate")
    assert not (root / "mlflow.db").exists()


def test_a_gate_does_not_take_an_unreachable_registry_for_an_empty_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    result = run_churn("gate")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: the registry at http://127.0.0.1:9 does not answer\n",
    )
    assert not (root / "outputs/gate.json").exists()


def test_what_is_missing_is_an_error(project: Project) -> None:
    with pytest.raises(BundleError, match="no bundle folder 'nowhere'"):
        gate_candidate(project.params, project.root, candidate="nowhere")
    with pytest.raises(RegistryError, match="no version 7"):
        gate_candidate(project.params, project.root, candidate=f"models:/{MODEL}/7")
    shutil.rmtree(project.root / "data")
    with pytest.raises(DataError, match="run `churn prepare`"):
        gate_candidate(project.params, project.root)


def test_options_can_be_overridden(root: Path) -> None:
    result = run_churn("gate", "--set", "gate.checks=[{name: floors, options: {roc_auc: 0.99}}]")
    assert result.exit_code == 1
    assert "1 of 1 floors are missed" in result.stdout
    wrong = run_churn("gate", "--set", "gate.checks=[{name: floors, options: {auc: 0.9}}]")
    assert wrong.stderr.startswith("error: gate check 'floors': options: there is no metric 'auc'")


def test_a_time_that_is_none_is_wrong_usage(root: Path) -> None:
    run("register")
    result = run_churn("history", "--at", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is no time such as" in result.stderr


def test_history_of_nothing(project: Project) -> None:
    run("register")
    assert run("history") == "nothing was in production\n"
    assert run("history", "--at", "2026-01-01") == "nothing was in production then\n"
    assert history(project.params, project.root) == ()


# churn bundle


def test_a_bundle_is_exported_and_verified(root: Path) -> None:
    digest = register(ExistingProject(root).params, root).digest
    assert run("bundle", "export", f"models:/{MODEL}@candidate", "--out", "copy") == f"copy: {digest}\n"
    for name in ("model.onnx", "manifest.json"):
        assert (root / "copy" / name).read_bytes() == (root / "models/candidate" / name).read_bytes()
    assert digest in run("bundle", "verify", "copy")
    assert load("copy").model.version == "1"
    (root / "copy/version.txt").write_text("not a version")
    assert load("copy").model.version == "local"
    assert json.loads(run("bundle", "show", "copy", "--json"))["digest"] == digest
    again = run_churn("bundle", "export", "copy", "--out", "copy")
    assert again.exit_code == 1
    assert again.stderr == "error: copy is in the way: give a folder that is empty or does not exist\n"


def test_a_damaged_bundle_is_not_exported(root: Path) -> None:
    (root / "models/candidate/model.onnx").write_bytes(b"")
    for command in (("export", "models/candidate", "--out", "copy"), ("verify", "models/candidate")):
        result = run_churn("bundle", *command)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: models/candidate/model.onnx is not the graph")
    assert not (root / "copy").exists()


# holdout-reuse


def test_every_other_model_of_the_hold_out_is_a_look(project: Project) -> None:
    where = tracking(project.params, project.root)
    held = load_prepared(project.root, TelcoVisionCustomer.spec).holdout_digest
    assert count_looks(where, held) == 0
    first = register(project.params, project.root).digest
    assert (count_looks(where, held), count_looks(where, held, first)) == (1, 0)
    replace_candidate(project, intercept=-0.8)
    second = register(project.params, project.root).digest
    with connect(where) as client:
        client.delete_model_version(MODEL, "1")
        experiment: Any = client.get_experiment_by_name(MODEL)
        for run in client.search_runs([experiment.experiment_id]):
            client.delete_run(run.info.run_id)
    assert (count_looks(where, held, second), count_looks(where, "f" * 64)) == (1, 0)
    (project.root / "mlflow.db").unlink()
    assert count_looks(where, held) is None


def test_the_gate_is_told_how_often_it_was_asked(project: Project) -> None:
    policy = GateParams(checks=(CheckParams(name="floors"), CheckParams(name="holdout-reuse")))
    params = project.params.model_copy(update={"gate": policy})
    register(params, project.root)
    again = [gate_candidate(params, project.root).results[1].numbers["models"] for _ in range(2)]
    replace_candidate(project, intercept=-0.8)
    assert [*again, gate_candidate(params, project.root).results[1].numbers["models"]] == [1, 1, 2]
