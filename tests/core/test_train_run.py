"""The train stage: from prepared customers to a bundle that can be trusted."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import churn_core
from churn_core.bundle import read_bundle
from churn_core.errors import DataError, ExportError, PluginError, TrainingError
from churn_core.params import read_params
from churn_core.schemas import TelcoVisionCustomer
from churn_core.train import run, training
from churn_core.train.lineage import git_commit
from churn_core.train.prepared import PREPARED, load_prepared
from churn_core.train.training import CANDIDATE
from tests.support.projects import Project, run_churn
from tests.support.training import prepared_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = prepared_project(tmp_path_factory.mktemp("project"))
    run(project.params, project.root)
    return project


def digests(root: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((root / CANDIDATE).iterdir())}


def test_the_bundle_is_three_files_that_verify_and_answer(project: Project) -> None:
    assert set(digests(project.root)) == {"model.onnx", "reasons.onnx", "manifest.json"}
    scorer = churn_core.load(str(project.root / CANDIDATE))
    answer = scorer.predict(TelcoVisionCustomer.spec.example())
    assert 0 < answer.churn_probability < 1
    assert answer.reasons


def test_the_manifest_says_where_the_model_comes_from(project: Project) -> None:
    manifest = read_bundle(project.root / CANDIDATE).manifest
    prepared = load_prepared(project.root, TelcoVisionCustomer.spec)
    assert manifest.trainer == "native"
    assert {member.name for member in manifest.members} <= {"lr", "lightgbm"}
    assert sum(member.weight for member in manifest.members) == pytest.approx(1)
    assert manifest.calibration.method in {row.method for row in manifest.calibration.compared}
    assert manifest.schema_spec == TelcoVisionCustomer.spec
    lineage = manifest.lineage
    assert lineage.train_digest == prepared.train_digest
    assert lineage.holdout_digest == prepared.holdout_digest
    assert lineage.train_rows + lineage.holdout_rows == 700
    assert lineage.churn_rate == pytest.approx(prepared.train.labels.mean())
    assert {"scikit-learn", "numpy", "onnx", "python", "churn-core"} <= set(lineage.libraries)
    assert lineage.git_commit == ""


def test_parity_covers_every_row_and_metrics_have_intervals(project: Project) -> None:
    manifest = read_bundle(project.root / CANDIDATE).manifest
    assert manifest.parity.rows == 700
    assert manifest.parity.max_difference < manifest.parity.tolerance == 1e-6
    assert set(manifest.metrics) == {"roc_auc", "pr_auc", "log_loss", "brier"}
    assert all(metric.low < metric.value < metric.high for metric in manifest.metrics.values())
    assert 0.6 < manifest.metrics["roc_auc"].value < 0.85


def test_another_process_writes_the_same_bytes(project: Project) -> None:
    before = digests(project.root)
    code = "from churn_core.params import read_params; from churn_core.train import run; run(read_params())"
    subprocess.run([sys.executable, "-c", code], cwd=project.root, check=True, env=None)
    assert digests(project.root) == before


def test_permuting_the_labels_of_the_holdout_changes_no_byte(project: Project) -> None:
    before = digests(project.root)
    path = project.root / PREPARED
    original = path.read_bytes()
    table = pq.read_table(path)
    label = TelcoVisionCustomer.spec.label.name
    held = table.column("split").to_numpy() == "holdout"
    labels = table.column(label).to_numpy().copy()
    labels[held] = ~labels[held]
    changed = table.set_column(table.schema.get_field_index(label), label, pa.array(labels))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    try:
        run(project.params, project.root)
        assert path.read_bytes() != original
        assert digests(project.root) == before
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("override", ["train.seed=1", "train.calibration=none", "costs.customer_value=300"])
def test_what_training_depends_on_changes_the_digest(project: Project, tmp_path: Path, override: str) -> None:
    (tmp_path / "data").symlink_to(project.root / "data")
    params = read_params(project.root / "params.yaml", [override])
    assert run(params, tmp_path).manifest.digest != read_bundle(project.root / CANDIDATE).manifest.digest


@pytest.mark.parametrize("override", ["split.seed=7", "split.holdout=0.4", "dataset.name=synth"])
def test_customers_prepared_otherwise_are_not_trained_on(
    project: Project, tmp_path: Path, override: str
) -> None:
    (tmp_path / "data").symlink_to(project.root / "data")
    with pytest.raises(DataError, match=f"was prepared with {override.partition('=')[0]} "):
        run(read_params(project.root / "params.yaml", [override]), tmp_path)


def test_what_training_does_not_depend_on_does_not(project: Project, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(project.root / "data")
    params = read_params(project.root / "params.yaml", ["mlflow.experiment=other", "dataset.max_rejects=0.5"])
    assert run(params, tmp_path).manifest.digest == read_bundle(project.root / CANDIDATE).manifest.digest


def test_no_bundle_is_written_when_graph_and_estimators_differ(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = training.export_graph

    def wrong(members: object, calibration: object, columns: int) -> bytes:
        calibration = calibration.model_copy(update={"intercept": calibration.intercept + 1e-4})  # type: ignore[attr-defined]
        return export(members, calibration, columns)  # type: ignore[arg-type]

    (tmp_path / "data").symlink_to(project.root / "data")
    monkeypatch.setattr(training, "export_graph", wrong)
    with pytest.raises(ExportError, match=r"model '.*' cannot be exported exactly: .* differ by"):
        run(project.params, tmp_path)
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "outputs").exists()


def test_missing_parts_are_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run `churn prepare`"):
        run(project.params, tmp_path)
    for override, name in (("schema=telco", "telco"), ("train.trainer=nativ", "nativ")):
        with pytest.raises(PluginError, match=f"no plugin '{name}'.*did you mean"):
            run(read_params(project.root / "params.yaml", [override]), project.root)


def test_training_customers_of_one_outcome_are_refused(project: Project, tmp_path: Path) -> None:
    table = pq.read_table(project.root / PREPARED)
    label = TelcoVisionCustomer.spec.label.name
    stayed = table.filter(pa.array(~table.column(label).to_numpy()))
    (tmp_path / PREPARED).parent.mkdir(parents=True)
    pq.write_table(stayed, tmp_path / PREPARED)
    with pytest.raises(TrainingError, match="none of the .* training customers churned"):
        run(project.params, tmp_path)


def test_the_commit_is_told_and_whether_code_differs_from_it(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    assert git_commit(tmp_path) == ""
    (tmp_path / "code.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "notes.txt").write_text("data and notes are no code")
    assert git_commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("x = 2\n")
    assert git_commit(tmp_path) == commit + "+dirty"


def test_the_commit_is_empty_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) == ""


def test_the_command_prints_leaderboard_and_bundle(project: Project) -> None:
    result = run_churn("train", "--root", project.root)
    assert result.exit_code == 0, result.output
    header, first, *_ = result.stdout.splitlines()
    assert header.split()[:3] == ["model", "ROC", "AUC"]
    assert first.split()[0] in ("lr", "lightgbm", "blend")
    assert read_bundle(project.root / CANDIDATE).manifest.digest[:12] in result.stdout
    assert "on 700 rows" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["models", "outputs"])
def test_outputs_that_cannot_be_written_are_refused_before_training(
    project: Project, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(project.root / "data")
    (tmp_path / name).write_text("a file in the way")
    monkeypatch.setattr(training, "_training_data", None)  # never reached
    with pytest.raises(TrainingError, match=f"{name} cannot be written: .*{name} is no directory"):
        run(project.params, tmp_path)


def test_the_command_answers_in_json(project: Project) -> None:
    result = run_churn("train", "--root", project.root, "--json", "--set", "train.models=[lr, dt]")
    answer = json.loads(result.stdout)
    assert {row["model"] for row in answer["leaderboard"]} >= {"lr", "dt"}
    assert answer["digest"] == read_bundle(project.root / CANDIDATE).manifest.digest
    assert answer["parity"]["rows"] == 700


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.models=[]", "train.models is empty"),
        ("train.models=[lr, svm]", "model 'svm' cannot be exported exactly (it gives no probabilities)"),
        ("train.models=[lr, catbost]", "did you mean 'catboost'?"),
        ("train.budget_seconds=0.0000001", "train.budget_seconds was over"),
        ("features.derived=[bands]", "no plugin 'bands' in group 'features'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(project: Project, override: str, sentence: str) -> None:
    before = digests(project.root)
    result = run_churn("train", "--root", project.root, "--set", override)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert digests(project.root) == before


def test_training_needs_neither_pycaret_nor_mlflow_nor_boosting_libraries(
    project: Project, tmp_path: Path
) -> None:
    code = """
import sys
from churn_core.params import read_params
from churn_core.train import run
run(read_params(overrides=["train.models=[lr]"]))
heavy = {"pycaret", "mlflow", "lightgbm", "xgboost", "catboost", "matplotlib"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    (tmp_path / "data").symlink_to(project.root / "data")
    (tmp_path / "params.yaml").write_bytes((project.root / "params.yaml").read_bytes())
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_features_of_the_holdout_are_measured_but_never_fitted(project: Project) -> None:
    manifest = read_bundle(project.root / CANDIDATE).manifest
    prepared = load_prepared(project.root, TelcoVisionCustomer.spec)
    tenure = np.asarray(prepared.train.table.column("tenure_months"))
    reference = {record.field: record for record in manifest.reference}["tenure_months"]
    assert reference.quantiles[0] == tenure.min()
    assert reference.quantiles[-1] == tenure.max()
    assert reference.quantiles[5] == np.quantile(tenure, 0.5)
