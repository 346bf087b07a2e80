"""What workflows call: data from a remote, a training in Markdown, missing settings, releases, licences."""

from __future__ import annotations

import json
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_core.delivery import missing, pull, push, summary
from churn_core.delivery.remote import RemoteError
from churn_core.errors import DataError, GateRefused, RegistryError
from churn_core.params import MlflowParams
from churn_core.tracking import tracking
from churn_core.tracking.dagshub import dagshub


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (root / "dvc.yaml").write_text(
        "stages:\n  make:\n    cmd: cp params.yaml made.txt\n    outs: [made.txt]\n"
    )
    (root / "params.yaml").write_text("a: 1\n")
    return root


def dvc(root: Path, *words: str) -> None:
    subprocess.run(["python", "-m", "dvc", *words, "--quiet"], cwd=root, check=True)


def test_without_a_remote_nothing_happens(project: Path) -> None:
    assert pull(project, {}).remote == push(project, {}).remote == ""


def test_results_travel_through_a_remote(project: Path, tmp_path: Path) -> None:
    remote = {"CHURN_DVC_REMOTE": str(tmp_path / "remote")}
    (tmp_path / "remote").mkdir()
    dvc(project, "repro")
    assert push(project, remote).remote == str(tmp_path / "remote")
    (project / "made.txt").unlink()
    for kept in (project / ".dvc/cache").glob("files/md5/*/*"):
        kept.unlink()
    assert "earlier results are here" in pull(project, remote).text
    assert (project / "made.txt").read_text() == "a: 1\n"


def test_a_remote_that_takes_nothing_is_an_error(project: Path, tmp_path: Path) -> None:
    dvc(project, "repro")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RemoteError, match="did not take the data"):
        push(project, {"CHURN_DVC_REMOTE": str(tmp_path / "file")})


def test_dagshub_by_user_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dagshub({}) is None
    known = {"DAGSHUB_USER": "ana", "DAGSHUB_TOKEN": "secret", "GITHUB_REPOSITORY": "acme/churn"}
    found = dagshub(known)
    assert found
    assert (found.mlflow, found.dvc) == (
        "https://dagshub.com/ana/churn.mlflow",
        "https://dagshub.com/ana/churn.dvc",
    )
    assert "secret" not in repr(found)
    other = dagshub({**known, "DAGSHUB_REPOSITORY": "team/models"})
    assert other
    assert other.repository == "team/models"
    with pytest.raises(RegistryError, match="DAGSHUB_USER is not"):
        dagshub({"DAGSHUB_TOKEN": "secret", "DAGSHUB_REPOSITORY": "x"})
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert tracking(MlflowParams()).uri == "https://dagshub.com/ana/churn.mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")
    assert tracking(MlflowParams()).uri.endswith("here.db")


def test_what_a_deploy_lacks_is_named() -> None:
    assert len(missing({})) == 5
    static = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    rest = {
        "MLFLOW_TRACKING_URI": "https://x",
        "AWS_REGION": "r",
        "ECR_REPOSITORY": "e",
        "LAMBDA_FUNCTION_NAME": "f",
    }
    assert missing({**rest, **static}) == missing({**rest, "AWS_ROLE_ARN": "arn"}) == ()
    (one,) = missing({**rest, "AWS_ACCESS_KEY_ID": "a"})
    assert str(one).startswith("AWS_ROLE_ARN or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: ")


def metrics(**changes: Any) -> dict[str, Any]:
    interval = {"value": 0.8, "low": 0.78, "high": 0.82}
    loss = {"value": 0.4, "low": 0.39, "high": 0.41}
    head = {"schema": "ibm-telco", "dataset": "ibm-telco", "holdout_rows": 1409, "holdout_churners": 374}
    return {**head, "roc_auc": interval, "log_loss": loss, "calibration_slope": interval, **changes}


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "metrics/metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


def test_metrics_are_compared(tmp_path: Path) -> None:
    written(tmp_path / "now", metrics())
    before = metrics(
        roc_auc={"value": 0.79, "low": 0.7, "high": 0.8}, log_loss={"value": 0.39, "low": 0.3, "high": 0.5}
    )
    page = summary(tmp_path / "now", written(tmp_path / "before", before))
    assert "| ROC AUC | 0.8000 | 0.7800 to 0.8200 | 0.7900 | +0.0100 better |" in page
    assert "| Log loss | 0.4000 | 0.3900 to 0.4100 | 0.3900 | +0.0100 worse |" in page
    assert "| Calibration slope | 0.8000 | 0.7800 to 0.8200 | 0.8000 | +0.0000 |" in page
    assert "**The gate was not asked.**" in page
    other = written(tmp_path / "other", metrics(holdout_rows=10))
    assert "was evaluated on other customers" in summary(tmp_path / "now", other)
    assert "Nothing is known of main" in summary(tmp_path / "now", tmp_path / "nowhere.json", "main")


def test_what_cannot_be_summed_up_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="churn evaluate"):
        summary(tmp_path)
    written(tmp_path, metrics())
    (tmp_path / "gate.json").write_text("{}")
    with pytest.raises(GateRefused):
        summary(tmp_path)
    (tmp_path / "metrics/metrics.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        summary(tmp_path)


@pytest.fixture
def release(root: Path) -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(root / "scripts/release.py"), run_name="release"))


def test_a_release_is_what_its_tag_says(release: SimpleNamespace, tmp_path: Path) -> None:
    assert release.check("v0.1.0") == "0.1.0"
    with pytest.raises(release.ReleaseError, match="churn-core is of version 0.1.0"):
        release.check("v0.2.0")
    log = tmp_path / "CHANGELOG.md"
    log.write_text("# C\n\n## 0.2.0 (unreleased)\n\n- New.\n\n## 0.1.0 (2026-11-24)\n\n- First.\n")
    assert release.changes("0.1.0", tmp_path) == "- First.\n"
    with pytest.raises(release.ReleaseError, match="is unreleased"):
        release.changes("0.2.0", tmp_path)
    with pytest.raises(release.ReleaseError, match="no section for 0.3.0"):
        release.changes("0.3.0", tmp_path)


def test_a_bill_of_materials_names_every_pin(release: SimpleNamespace, root: Path, tmp_path: Path) -> None:
    pins = root / "requirements/client.txt"
    release.bill(pins, tmp_path / "client.json")
    found = {one["name"] for one in json.loads((tmp_path / "client.json").read_text())["components"]}
    lines = [line for line in pins.read_text().splitlines() if line and not line.startswith("#")]
    assert found == {line.partition("==")[0] for line in lines}


def test_nothing_is_shipped_under_a_licence_that_binds_its_users(root: Path) -> None:
    licences = SimpleNamespace(**runpy.run_path(str(root / "scripts/licences.py"), run_name="licences"))
    known = {name: licences.licence_of(name) for name in licences.names()}
    assert {"fastapi", "httpx", "onnxruntime"} <= set(known)
    assert [name for name, licence in known.items() if not licences.ALLOWED.search(licence)] == []
    assert not licences.ALLOWED.search("GPL-3.0-only")
    assert licences.licence_of("no-such-package") == "not installed"
