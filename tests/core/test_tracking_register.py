"""Registering: what MLflow keeps of a training, once."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_core.errors import BundleError, RegistryError, StageError
from churn_core.gate import read_verdict
from churn_core.params import MlflowParams, Params
from churn_core.tracking import register, tracking
from churn_core.tracking.client import connect
from churn_core.tracking.seals import seal
from tests.support.tracking import MODEL, Project

LEADERBOARD = [
    {
        "model": "lr",
        "metrics": {"roc_auc": 0.84},
        "spread": {"roc_auc": 0.01},
        "seconds": 1.5,
        "chosen": True,
    },
    {"model": "knn", "metrics": {}, "spread": {}, "seconds": 0.0, "note": "failed"},
]


def experiment(client: Any, name: str = MODEL) -> Any:
    return client.get_experiment_by_name(name)


def run_of(project: Project, run_id: str) -> Any:
    with connect(project.where) as client:
        return client.get_run(run_id)


def artifacts(project: Project, run_id: str) -> set[str]:
    folder = project.root / "mlartifacts" / run_id / "artifacts"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_holds_all_that_was_found_out(project: Project) -> None:
    for path in ("report.html", "report.md", "leaderboard.csv", "figures/roc.png", "plots/roc.json"):
        project.write(f"outputs/{path}", "content")
    project.write("outputs/leaderboard.json", json.dumps(LEADERBOARD))
    done = project.register()
    run = run_of(project, done.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {
        "rows": 1409,
        "roc_auc": 0.8,
        "roc_auc_low": pytest.approx(0.78),
        "roc_auc_high": pytest.approx(0.82),
        "cv_lr_roc_auc": 0.84,
    }
    assert run.data.params["split.seed"] == "0"
    assert run.data.params["schema"] == "ibm-telco"
    assert run.data.params["train.models"] == '["lr", "lightgbm", "xgboost", "catboost"]'
    assert run.data.tags["holdout_digest"] == "0" * 64
    assert run.data.tags["bundle_digest"] == done.digest
    assert artifacts(project, done.run_id) >= {
        "report.html",
        "report.md",
        "leaderboard.csv",
        "leaderboard.json",
        "leaderboard.table.json",
        "figures/roc.png",
        "plots/roc.json",
        "metrics/metrics.json",
        "params.json",
        "model/MLmodel",
        "model/input_example.json",
        "model/requirements.txt",
        "model/data/bundle/model.onnx",
        "model/data/bundle/manifest.json",
    }


def test_the_version_is_the_bundle(project: Project) -> None:
    done = project.register()
    assert (done.model, done.version, done.created) == (MODEL, "1", True)
    with connect(project.where) as client:
        version = client.get_model_version_by_alias(MODEL, "candidate")
        assert (version.version, version.status) == (1, "READY")
        assert version.tags["bundle_digest"] == done.digest
        assert experiment(client).artifact_location.endswith("/mlartifacts")
    stored = project.root / "mlartifacts" / done.run_id / "artifacts/model/data/bundle"
    for name in ("model.onnx", "manifest.json"):
        assert (stored / name).read_bytes() == (project.root / "models/candidate" / name).read_bytes()


def test_nothing_is_pickled(project: Project) -> None:
    done = project.register()
    folder = project.root / "mlartifacts" / done.run_id
    for path in folder.rglob("*"):
        assert path.suffix not in (".pkl", ".pickle", ".joblib", ".cloudpickle")
        if path.is_file():
            with pytest.raises(Exception):  # noqa: B017, PT011 - pickle has many ways to fail
                pickle.loads(path.read_bytes())


def test_nothing_lies_elsewhere(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    project.register()
    assert not any((tmp_path / "elsewhere").iterdir())
    assert {p.name for p in project.root.iterdir()} == {"mlflow.db", "mlartifacts", "models", "outputs"}


def test_the_same_bundle_is_registered_once(project: Project) -> None:
    first, again = (project.register() for _ in range(2))
    assert again == first.__class__(MODEL, "1", first.run_id, first.digest, created=False)
    with connect(project.where) as client:
        assert len(client.search_runs([experiment(client).experiment_id])) == 1


def test_another_evaluation_is_another_version(project: Project) -> None:
    first, second = project.register(), project.register(roc_auc=0.81)
    assert (second.version, second.created) == ("2", True)
    assert second.digest == first.digest
    assert second.run_id != first.run_id
    assert project.register().version == "1"


def test_another_bundle_is_another_version(project: Project) -> None:
    first, second = project.register(), project.register(intercept=-1.0)
    assert (first.version, second.version) == ("1", "2")
    assert first.digest != second.digest
    with connect(project.where) as client:
        assert client.get_model_version_by_alias(MODEL, "candidate").version == 2


def test_the_alias_follows_what_was_registered_last(project: Project) -> None:
    project.register()
    project.register(intercept=-1.0)
    assert project.register().version == "1"
    with connect(project.where) as client:
        assert client.get_model_version_by_alias(MODEL, "candidate").version == 1


def test_metrics_of_another_bundle_are_refused(project: Project) -> None:
    project.train()
    metrics = (project.root / "outputs/metrics/metrics.json").read_text()
    project.train(intercept=-1.0)
    project.write("outputs/metrics/metrics.json", metrics)
    with pytest.raises(StageError, match="evaluates another bundle"):
        register(project.params, project.root)
    project.write("outputs/metrics/metrics.json", "{")
    with pytest.raises(StageError, match="cannot be read"):
        register(project.params, project.root)


def test_a_named_bundle_brings_its_own_evaluation(project: Project) -> None:
    project.train()
    project.write("outputs/report.html", "its own")
    done = register(project.params, project.root, project.root / "models/candidate")
    assert run_of(project, done.run_id).data.metrics["roc_auc"] == 0.8
    assert "report.html" in artifacts(project, done.run_id)
    assert register(project.params, project.root) == replace(done, created=False)


def test_a_bundle_can_be_registered_before_its_evaluation(project: Project) -> None:
    project.train()
    (project.root / "outputs/metrics/metrics.json").unlink()
    assert register(project.params, project.root).version == "1"


def test_there_must_be_a_sound_bundle(project: Project) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        register(project.params, project.root)
    project.train()
    (project.root / "models/candidate/model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match="not the graph"):
        register(project.params, project.root)


def test_an_interrupted_registration_leaves_a_failed_run_and_no_version(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    project.train()
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["churn_core.tracking.runs"], "save_model", interrupted)
        with pytest.raises(KeyboardInterrupt):
            register(project.params, project.root)
    with connect(project.where) as client:
        (run,) = client.search_runs([experiment(client).experiment_id])
        assert run.info.status == "FAILED"
        assert not client.search_model_versions(f"name = '{MODEL}'")
    assert register(project.params, project.root).version == "1"


def test_a_verdict_that_was_given_before_comes_along(project: Project) -> None:
    bundle = project.train()
    verdict = project.verdict(bundle.manifest.digest)
    project.write("outputs/gate.json", verdict.to_bytes().decode())
    project.write("outputs/gate.seal", seal(verdict).to_bytes().decode())
    done = register(project.params, project.root)
    with connect(project.where) as client:
        tags = client.get_model_version(MODEL, "1").tags
    assert (tags["gate.verdict"], tags["gate.passed"]) == (verdict.digest, "true")
    stored = project.root / f"mlartifacts/{done.run_id}/artifacts/gate/{verdict.digest}.json"
    assert read_verdict(stored.read_bytes()) == verdict
    assert stored.with_suffix(".md").read_text().startswith("# Gate: passed")


@pytest.mark.parametrize("content", ["other", "broken"])
def test_a_verdict_about_another_bundle_stays_behind(project: Project, content: str) -> None:
    project.train()
    text = project.verdict("f" * 64).to_bytes().decode() if content == "other" else "{}"
    project.write("outputs/gate.json", text)
    register(project.params, project.root)
    with connect(project.where) as client:
        assert "gate.verdict" not in client.get_model_version(MODEL, "1").tags


def test_names_come_from_the_parameters(project: Project) -> None:
    project.params = Params(mlflow=MlflowParams(experiment="trials", model="rail-churn"))
    project.register()
    with connect(project.where) as client:
        assert experiment(client, "trials") is not None
        assert client.get_model_version("rail-churn", "1").status == "READY"


def test_a_deleted_experiment_comes_back(project: Project) -> None:
    project.register()
    with connect(project.where) as client:
        client.delete_experiment(experiment(client).experiment_id)
    assert project.register(intercept=-1.0).version == "2"


def test_the_environment_wins_over_the_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = MlflowParams(tracking_uri="https://from.params")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:word@from.environment/path")
    where = tracking(params, tmp_path)
    assert where.uri == "https://user:word@from.environment/path"
    assert str(where) == "https://from.environment/path"
    assert (where.database, where.artifacts) == (None, None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking(params, tmp_path).uri == "https://from.params"


def test_a_local_store_lies_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "a folder with blanks"
    root.mkdir()
    assert tracking(None, root).database == root / "mlflow.db"
    assert (
        tracking(MlflowParams(tracking_uri="sqlite:///other/runs.db"), root).artifacts
        == root / "other/mlartifacts"
    )
    (root / "params.yaml").write_text("mlflow: {model: rail-churn, tracking_uri: 'sqlite:////srv/runs.db'}")
    where = tracking(None, root)
    assert (where.model, where.database) == ("rail-churn", Path("/srv/runs.db"))


def test_a_project_in_a_folder_with_blanks(
    tmp_path: Path, empty_registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "a b#c").mkdir()
    project = Project(tmp_path / "a b#c", empty_registry)
    assert project.register().version == "1"
    assert (project.root / "mlflow.db").stat().st_size > empty_registry.stat().st_size / 2
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_reached_says_so(project: Project, tmp_path: Path) -> None:
    project.train()
    (tmp_path / "file").write_text("a file of some other kind")
    for uri, message in (
        (f"sqlite:///{tmp_path}/file", "file is not a database"),
        (f"sqlite:///{tmp_path}/file/mlflow.db", "cannot be opened"),
        ("mlruns", "is no place for runs"),
        (f"file://{tmp_path}", "is no place for runs"),
        ("postgresql://me:secret@127.0.0.1:9/x", "registry at postgresql://127.0.0.1:9/x"),
        ("gopher://x", "refuses"),
    ):
        params = Params(mlflow=MlflowParams(tracking_uri=uri))
        with pytest.raises(RegistryError, match=message) as caught:
            register(params, project.root)
        assert "secret" not in str(caught.value)


def test_without_mlflow_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['mlflow'] = None\n"
        "from pathlib import Path\nfrom churn_core.tracking import tracking\n"
        "from churn_core.tracking.client import connect\n"
        "with connect(tracking(root=Path(sys.argv[1])), create=True): pass"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "RegistryError: the model registry needs MLflow" in done.stderr
