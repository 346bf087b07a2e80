"""The comparison of two ways to train: paired, on training rows alone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare
from churn_core.errors import ParamsError
from churn_core.train.models import MODELS
from tests.support.projects import Project, write_csv

METRICS = ("log_loss", "roc_auc", "brier")
DERIVED = ["tenure-bands", "loose-contract"]


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `params.yaml` for 600 drawn customers and the quickest of all models."""
    root = tmp_path_factory.mktemp("compare")
    train = {"trainer": "native", "models": ["lr"], "tune": 0, "folds": 2, "calibration": "none"}
    source = write_csv(root / "mine.csv", rows=600)
    Project(root, str(source), train=train, features={"derived": DERIVED})
    return root / "params.yaml"


def table(
    capsys: pytest.CaptureFixture[str], params: Path, *arguments: str, seeds: int = 1
) -> dict[str, list[float]]:
    """The numbers that were printed for each metric: A, B, difference, errors, runs, all runs."""
    compare.main([str(params), f"--seeds={seeds}", "--repeats=2", "--folds=3", *arguments])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line]
    return {
        line[0]: [float(x) for x in re.findall(r"[+-]?\d+\.?\d*|nan", line[1])]
        for line in lines
        if line[0] in METRICS
    }


def test_worse_settings_are_found_to_be_worse(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = MODELS["lr"]
    found = table(capsys, params, "--model-b", "lr.C=0.00001", seeds=2)
    assert tuple(found) == METRICS
    for name, (a, b, difference, runs_error, corrected, better, runs) in found.items():
        assert difference == pytest.approx(b - a, abs=2e-5)
        assert (difference > 0) == (name != "roc_auc")
        assert 0 < runs_error < corrected, "folds that share rows say less than they seem to"
        assert runs == 4
        assert better == 0 or name == "roc_auc"
    assert MODELS["lr"] is before


def test_a_second_file_or_a_column_makes_the_difference(
    params: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(params.read_text().replace("  - loose-contract\n", ""))
    by_file = table(capsys, params, str(other))
    by_column = table(capsys, params, "--drop-b", "loose-contract:month_to_month_by_tenure")
    by_setting = table(capsys, params, "--set-b", "features.derived=[tenure-bands]")
    assert by_file == by_column == by_setting
    assert by_file["log_loss"][2] != 0


def test_the_hold_out_has_no_part_in_it(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the hold-out was read")

    monkeypatch.setattr("churn_core.train.prepared.Prepared.holdout", property(refuse))
    monkeypatch.setattr("churn_core.train.prepared.Prepared.holdout_features", property(refuse))
    assert all(np.isfinite(row[:4]).all() for row in table(capsys, params, "--model-b", "lr.C=1").values())


def test_the_same_on_both_sides_is_not_compared(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys, params) == {}
    compare.main([str(params)])
    assert "nothing to compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set-b", "split.holdout=0.3"], "must be the same on both sides"),
        (["--model-b", "lr.c=1"], "there is no setting 'lr.c' of a model"),
        (["--model-b", "lrx.C=1"], "there is no setting 'lrx.C' of a model"),
        (["--drop-b", "tenure"], "there is no column 'tenure'"),
        (["--model-b", "lr.C=1", "--set", "train.trainer=pycaret"], "train.trainer=native alone"),
    ],
)
def test_what_cannot_be_compared_is_refused(params: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        compare.main([str(params), *arguments])
