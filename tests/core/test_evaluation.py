"""The stage evaluate: what it writes, what it refuses, the same bytes every time."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow.parquet as pq
import pytest

import churn_core
from churn_core.bundle import decision_policy
from churn_core.errors import BundleError, DataError, StageError
from churn_core.features import read_columns
from churn_core.gate.metrics import METRICS, decision_metrics
from churn_core.params import CostParams, Params
from churn_core.schemas import TelcoVisionCustomer
from churn_core.train.evaluation import Evaluation, Numbers, evaluate
from churn_core.train.evaluation.drivers import DRIVERS
from churn_core.train.evaluation.figures import FIGURES
from churn_core.train.prepared import load_prepared
from tests.support.evaluations import add_candidate, ready
from tests.support.projects import Project, run_churn
from tests.support.training import Watched

SPEC = TelcoVisionCustomer.spec


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ready(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def evaluation(project: Project) -> Evaluation:
    return evaluate(project.params, project.root)


@pytest.fixture
def copy(project: Project, tmp_path: Path) -> Project:
    """The project without outputs, to break."""
    for folder in ("data", "models"):
        shutil.copytree(project.root / folder, tmp_path / folder)
    return Project(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def numbers_of(content: Any) -> Iterator[float]:
    if isinstance(content, dict):
        for value in content.values():
            yield from numbers_of(value)
    elif isinstance(content, float | int):
        yield content


def test_all_files_are_written(evaluation: Evaluation) -> None:
    found = set(files(evaluation.folder))
    plots = {f"plots/{name}.json" for name in evaluation.numbers.tables}
    figures = {f"figures/{name}.png" for name in FIGURES if name not in DRIVERS}  # it brings no reasons
    reports = {"report.html", "report.md"}
    assert found == {"metrics/metrics.json", "predictions.parquet", *reports, *plots, *figures}
    assert {"roc", "pr", "confusion", "calibration", "gains", "lift", "scores"} <= set(
        evaluation.numbers.tables
    )


def test_predictions_are_those_of_the_served_bundle(project: Project, evaluation: Evaluation) -> None:
    table, labels = load_prepared(project.root, SPEC).holdout
    scorer = churn_core.load(str(project.root / "models/candidate"))
    written = pq.read_table(evaluation.folder / "predictions.parquet")
    assert written.column_names == ["customer_id", "label", "probability"]
    assert written.column("customer_id").to_pylist() == table.column("customer_id").to_pylist()
    assert written.column("label").to_pylist() == labels.tolist()
    first = {name: table.column(name)[0].as_py() for name in table.column_names}
    assert written.column("probability")[0].as_py() == scorer.predict(first).churn_probability


def test_metrics_follow_from_the_predictions(evaluation: Evaluation) -> None:
    written = pq.read_table(evaluation.folder / "predictions.parquet")
    labels, p = (written.column(name).to_numpy() for name in ("label", "probability"))
    content = json.loads(evaluation.metrics_file.read_text())
    assert content["bundle"] == evaluation.manifest.digest
    assert (content["holdout_rows"], content["holdout_churners"]) == (len(labels), labels.sum())
    for name, metric in {**METRICS, **decision_metrics(evaluation.manifest.decision)}.items():
        assert content[name]["value"] == pytest.approx(metric(labels, p), abs=1e-6), name
    assert content["churn_rate"]["value"] == pytest.approx(labels.mean(), abs=1e-6)
    assert content["contacted"]["value"] == pytest.approx(np.mean(p >= content["threshold"]), abs=1e-6)
    assert content["profit_all"]["value"] < content["profit"]["value"]
    assert content["true_positives"] + content["false_negatives"] == content["holdout_churners"]
    cells = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    assert sum(content[cell] for cell in cells) == content["holdout_rows"]


def test_metrics_are_numbers_with_intervals_one_a_line(evaluation: Evaluation) -> None:
    text = evaluation.metrics_file.read_text()
    content = json.loads(text)
    assert all(math.isfinite(number) for number in numbers_of(content))
    for name in evaluation.headline:
        assert set(content[name]) == {"value", "low", "high"}
        assert content[name]["low"] <= content[name]["value"] <= content[name]["high"]
        assert f'\n  "{name}": {{"value": ' in text
    assert len(text.splitlines()) == len(content) + 2


def test_the_model_is_as_good_as_the_law_allows(evaluation: Evaluation) -> None:
    auc = evaluation.numbers.metrics["roc_auc"]
    assert auc["low"] < 0.74 < auc["high"]
    assert evaluation.numbers.tables["importance"][0]["name"] == "contract_type"


def test_numbers_read_back_as_written(evaluation: Evaluation) -> None:
    assert Numbers.read(evaluation.folder) == evaluation.numbers


def test_the_same_bundle_and_data_give_the_same_bytes(evaluation: Evaluation, copy: Project) -> None:
    before, watched = dict(mpl.rcParams), Watched()
    again = evaluate(copy.params, copy.root, watched)
    assert files(again.folder) == files(evaluation.folder)
    assert dict(mpl.rcParams) == before  # drawing leaves no setting behind
    assert len(watched.steps) == watched.total


@pytest.mark.parametrize(
    ("lineage", "message"),
    [
        ({"split_seed": 3}, r"it was trained with split\.seed 3, not 0; run `churn train` again"),
        ({"holdout_digest": "f" * 64}, "trained on customers that it would be judged by"),
        ({"train_digest": "f" * 64}, "it was trained on other customers, or other outcomes"),
    ],
)
def test_a_bundle_of_other_data_is_refused(copy: Project, lineage: dict[str, Any], message: str) -> None:
    add_candidate(copy.root, lineage=lineage)
    with pytest.raises(StageError, match=message):
        evaluate(copy.params, copy.root)
    assert not (copy.root / "outputs").exists()


def test_a_bundle_of_another_schema_is_refused(copy: Project) -> None:
    text = (copy.root / "params.yaml").read_text().replace("telcovision", "ibm-telco")
    (copy.root / "params.yaml").write_text(text)
    with pytest.raises(StageError, match="it was trained for schema 'telcovision', not for this 'ibm-telco'"):
        evaluate(copy.params, copy.root)


def test_a_new_split_asks_for_new_training(copy: Project) -> None:
    table = pq.read_table(copy.root / "data/prepared/customers.parquet")
    side = table.column("split").to_pylist()
    place = side.index("train")
    side[place] = "holdout"
    changed = table.set_column(table.column_names.index("split"), "split", [side])
    pq.write_table(changed, copy.root / "data/prepared/customers.parquet")
    with pytest.raises(StageError, match="its hold-out of 300 customers is not the prepared one of 301"):
        evaluate(copy.params, copy.root)


def test_without_candidate_or_data(copy: Project) -> None:
    shutil.rmtree(copy.root / "data")
    with pytest.raises(DataError, match="run `churn prepare`"):
        evaluate(copy.params, copy.root)
    (copy.root / "models/candidate/model.onnx").write_bytes(b"broken")
    with pytest.raises(BundleError, match="is not the graph that the manifest describes"):
        evaluate(copy.params, copy.root)
    shutil.rmtree(copy.root / "models")
    with pytest.raises(StageError, match="models/candidate does not exist; run `churn train` first"):
        evaluate(copy.params, copy.root)


def test_numbers_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="holds no readable evaluation; run `churn evaluate`"):
        Numbers.read(tmp_path)


def test_a_model_that_says_the_same_of_everybody(copy: Project) -> None:
    add_candidate(copy.root, weights={}, intercept=-0.5)
    found = evaluate(copy.params, copy.root)
    metrics = found.numbers.metrics
    assert metrics["roc_auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert metrics["calibration_slope"] == {"value": None, "low": None, "high": None}
    assert metrics["lift_10"]["value"] == 1
    assert len(found.numbers.tables["calibration"]) == 1
    assert all(row["log_loss_increase"] == 0 for row in found.numbers.tables["importance"])
    assert "could not be measured" in found.report.read_text()


def test_a_threshold_that_nobody_reaches(copy: Project) -> None:
    costs = CostParams(threshold=1.0, medium_risk=0.99, high_risk=1.0)
    add_candidate(copy.root, decision=decision_policy(costs))
    found = evaluate(copy.params, copy.root)
    assert found.numbers.metrics["precision"] == {"value": None, "low": None, "high": None}
    assert found.numbers.metrics["contacted"]["value"] == 0
    assert [row["customers"] for row in found.numbers.tables["risk"]] == [0, 0, 300]
    assert "not defined" in found.report.read_text()


def test_a_tiny_holdout(tmp_path: Path) -> None:
    project = ready(tmp_path, rows=120, seed=5, split={"holdout": 0.05})
    found = evaluate(project.params, project.root)
    rows = found.numbers.metrics["holdout_rows"]
    assert rows < 10
    assert sum(row["customers"] for row in found.numbers.tables["deciles"]) == rows
    assert any(row["customers"] == 0 for row in found.numbers.tables["deciles"])
    assert "no customers" in found.report.read_text()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation) -> Evaluation:
    """The command finds the evaluation done."""

    def evaluated(params: Params, root: Path, progress: object) -> Evaluation:
        assert (params.schema_name, progress) == ("telcovision", None)  # no bar without a terminal
        assert root / "outputs" == evaluation.folder
        return evaluation

    monkeypatch.setattr("churn_core.train.evaluation.evaluate", evaluated)
    return evaluation


def test_the_command_prints_a_table(done: Evaluation) -> None:
    result = run_churn("evaluate", "--root", done.folder.parent)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    auc = done.numbers.metrics["roc_auc"]
    row = next(line for line in lines if line.startswith("ROC AUC"))
    assert row.split() == [
        "ROC",
        "AUC",
        f"{auc['value']:.4f}",
        f"{auc['low']:.4f}",
        "to",
        f"{auc['high']:.4f}",
    ]
    assert len(lines) == len(done.headline) + 5
    assert lines[-1] == f"report   {done.report}"


def test_the_command_answers_in_json(done: Evaluation) -> None:
    result = run_churn("evaluate", "--root", done.folder.parent, "--json")
    assert result.stdout == done.metrics_file.read_text()


def test_the_command_refuses_in_one_sentence(copy: Project) -> None:
    result = run_churn("evaluate", "--root", copy.root, "--set", "split.seed=7")
    assert result.exit_code == 1
    assert "customers.parquet was prepared with split.seed 0, but the parameters say 7" in result.stderr
    assert result.stderr.count("\n") == 1


def test_slices_cover_every_customer(project: Project, evaluation: Evaluation) -> None:
    raw = read_columns(SPEC, load_prepared(project.root, SPEC).holdout.table).raw
    by_field: dict[str, int] = {}
    for row in evaluation.numbers.tables["slices"]:
        by_field[row["field"]] = by_field.get(row["field"], 0) + row["customers"]
    assert by_field == {spec.field: len(raw) for spec in SPEC.slices}
