"""`params.yaml` and what the command says when it, or a folder, cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_core.errors import ParamsError
from churn_core.params import CostParams, changed_costs, read_params
from tests.support.projects import run_churn

SYNTHETIC = "schema: telcovision\ndataset: {name: synth, options: {rows: 50, schema: telcovision}}\n"


def refused(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    return str(caught.value).removeprefix(f"{path}: ").removeprefix(f"{path} ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("costs: {customer_value: .inf}", "costs.customer_value: must be a finite number"),
        ("costs: {acceptance_alpha: .nan}", "costs.acceptance_alpha: must be a finite number"),
        ("costs: {threshold: .inf}", "costs.threshold: must be 'profit' or a number from 0 to 1"),
        ("costs: {threshold: best}", "costs.threshold: must be 'profit' or a number from 0 to 1"),
        ("costs: {medium_risk: 0.9}", "costs: medium_risk must not exceed high_risk"),
        ("train: {budget_seconds: .inf}", "train.budget_seconds: must be a finite number"),
        ("train: {seed: 4294967296}", "train.seed: must be at most 4294967295"),
        ("split: {seed: 4294967296}", "split.seed: must be at most 4294967295"),
        ("split: {seed: -1}", "split.seed: must be at least 0"),
        ("split: {holdout: 1}", "split.holdout: must be less than 1"),
        ("split: {seed: 1.5}", "split.seed: must be a whole number"),
        ("split: {holdout: much}", "split.holdout: must be a number"),
        ("train: {models: lr}", "train.models: must be a list"),
        ("train: {calibration: isotonic}", "train.calibration: must be 'auto', 'beta', 'platt' or 'none'"),
        ("train: [lr]", "train: must be a mapping of keys"),
        ("train:", "train: must be a mapping of keys"),
        ("dataset: {options: 3}", "dataset.options: must be a mapping of keys"),
        ("dataset: {name: 3}", "dataset.name: must be a text"),
        ("gate: {checks: [{options: {}}]}", "gate.checks.0.name: is missing"),
        ("mlflow: {model: a/b}", "mlflow.model: must be a name without '/' and ':'"),
        ("mlflow: {model: 'x:z'}", "mlflow.model: must be a name without '/' and ':'"),
        ("mlflow: {model: ''}", "mlflow.model: must be a name without '/' and ':'"),
        ("mlflow: {experiment: ''}", "mlflow.experiment: must not be empty"),
        ("split: {sed: 1}", "unknown key 'split.sed'; did you mean 'seed'?"),
        ("split: {seed: 1}\nsplit: {seed: 2}", "line 2 gives 'split' a second time"),
        ("split:\n  seed: 1\n  holdout: 0.2\n  seed: 2", "line 4 gives 'seed' a second time"),
        ("gate: {checks: [{name: floors, name: champion}]}", "line 1 gives 'name' a second time"),
        ("split: [", "is not valid YAML near line 1"),
        (b"split: \xfc", "is not in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(tmp_path: Path, content: str | bytes, says: str) -> None:
    sentence = refused(tmp_path / "params.yaml", content)
    assert sentence.startswith(says)
    assert "Input should" not in sentence


def test_the_largest_seed_is_taken(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("train: {seed: 4294967295}")
    assert read_params(tmp_path / "params.yaml").train.seed == 2**32 - 1


def test_an_anchor_may_be_used_twice(tmp_path: Path) -> None:
    text = "split: &same {seed: 1}\ndataset: {options: {a: *same, b: *same}}"
    (tmp_path / "params.yaml").write_text(text)
    assert read_params(tmp_path / "params.yaml").dataset.options == {"a": {"seed": 1}, "b": {"seed": 1}}


def test_overrides_are_read_with_the_same_care(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("")
    for text, says in (
        ("split={seed: 1, seed: 2}", "the value: line 1 gives 'seed' a second time"),
        ("split=[", "the value is not valid YAML"),
    ):
        with pytest.raises(ParamsError, match=says):
            read_params(tmp_path / "params.yaml", [text])


def test_a_directory_is_no_file_of_params(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="is a directory, not a file"):
        read_params(tmp_path)


def test_a_file_in_the_way_of_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(SYNTHETIC)
    (tmp_path / "data").write_text("a file")
    result = run_churn("fetch", "--root", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: {tmp_path / 'data'} is in the way: it is no directory\n"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(SYNTHETIC)
    result = run_churn("fetch", "--root", "/proc", "--params", tmp_path / "params.yaml")
    assert result.exit_code == 1
    assert result.stderr == "error: /proc/data: No such file or directory\n"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("customer_value", 1e308, "at most 1000000000"),
        ("offer_cost", 1e10, "at most 1000000000"),
        ("acceptance_alpha", 1e-320, "at least 0.001"),
        ("acceptance_beta", 1e12, "at most 1000000"),
    ],
)
def test_costs_stay_where_sums_are_exact(key: str, value: float, said: str) -> None:
    with pytest.raises(ParamsError, match=f"costs.{key}: must be {said}"):
        changed_costs(CostParams(), [f"{key}={value!r}"])
