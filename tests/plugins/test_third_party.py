"""A distribution of somebody else, really installed, goes through the whole pipeline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import yaml

SOURCE = Path(__file__).parent / "acme-churn"

PARAMS = {
    "schema": "acme-mobile",
    "dataset": {"name": "acme-mobile", "options": {"rows": 1500}, "max_rejects": 0.0},
    "features": {"derived": ["fee-per-gigabyte"]},
    "train": {"trainer": "native", "models": ["lr"], "folds": 3, "tune": 0, "blend": 1},
    "gate": {
        "checks": [
            {"name": "bundle-intact"},
            {"name": "floors", "options": {"roc_auc": 0.7}},
            {"name": "call-centre", "options": {"at_most": 0.95}},
        ]
    },
}


class Environment:
    """A scratch environment that sees the packages of this one, with Acme's installed on top."""

    def __init__(self, folder: Path, project: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv" / "bin" / "python"
        self.project = project
        packages = (
            folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        )
        ours = sysconfig.get_paths()["purelib"]
        # `addsitedir` also reads the .pth files there, such as that of an editable churn-core.
        (packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        source = shutil.copytree(SOURCE, folder / "source")  # building writes next to the source
        self.run(
            *("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"),
            *("--disable-pip-version-check", "--no-cache-dir", str(source)),
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PIP_CONFIG_FILE": os.devnull}
        environment.pop("MLFLOW_TRACKING_URI", None)
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def churn(self, *arguments: str) -> str:
        return self.run("-c", "from churn_core.cli import main; main()", *arguments).stdout


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    project = tmp_path_factory.mktemp("project")
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    return Environment(tmp_path_factory.mktemp("environment"), project)


def test_its_plugins_are_listed_with_their_origin(acme: Environment) -> None:
    found = {
        (info["group"], info["name"]): info
        for info in json.loads(acme.churn("plugins", "--json", "--check"))
        if info["distribution"] == "acme-churn"
    }
    assert set(found) == {
        ("schemas", "acme-mobile"),
        ("datasets", "acme-mobile"),
        ("features", "fee-per-gigabyte"),
        ("checks", "call-centre"),
    }
    assert {info["error"] for info in found.values()} == {""}


def test_its_plugins_keep_the_promises_of_their_groups(acme: Environment) -> None:
    code = """
from churn_core.testing import check_plugin
check_plugin("schemas", "acme-mobile")
check_plugin("datasets", "acme-mobile", rows=500)
check_plugin("features", "fee-per-gigabyte")
check_plugin("checks", "call-centre", at_most=0.3)
"""
    acme.run("-W", "error", "-c", code)


def test_its_schema_is_declared_in_about_twenty_lines() -> None:
    lines = (SOURCE / "acme_churn" / "customers.py").read_text().splitlines()
    body = lines[next(at for at, line in enumerate(lines) if line.startswith("class ")) :]
    assert len([line for line in body if line.strip()]) <= 25


def test_the_whole_pipeline_runs_with_it(acme: Environment) -> None:
    assert "label: outcome (one of 'left', 'stayed')" in acme.churn("schema", "acme-mobile")
    acme.churn("fetch")
    prepared = json.loads(acme.churn("prepare", "--json"))
    assert (prepared["rows"], prepared["rejected"], prepared["holdout"]) == (1500, 0, 300)
    acme.churn("train")
    manifest = json.loads((acme.project / "models" / "candidate" / "manifest.json").read_bytes())
    assert manifest["schema"]["name"] == "acme-mobile"
    assert "fee-per-gigabyte:ratio" in manifest["features"]
    acme.churn("evaluate")
    metrics = json.loads((acme.project / "outputs" / "metrics" / "metrics.json").read_text())
    assert "roc_auc" in json.dumps(metrics)
    acme.churn("gate", "--candidate", "models/candidate", "--json", "outputs/gate.json")
    verdict = json.loads((acme.project / "outputs" / "gate.json").read_text())
    assert verdict["passed"] is True
    (result,) = [result for result in verdict["results"] if result["name"] == "call-centre"]
    assert result["status"] == "pass"
    assert "of customers would have to be called" in result["sentence"]


def test_its_bundle_answers_where_the_distribution_is_not_installed(acme: Environment) -> None:
    """A bundle without derived features needs nothing of Acme's."""
    acme.churn("fetch")
    acme.churn("prepare")
    acme.churn("train", "--set", "features.derived=[]")
    code = f"""
from churn_core import load, registry
assert "acme-mobile" not in registry.names("schemas")
scorer = load({str(acme.project / "models" / "candidate")!r})
answer = scorer.predict(scorer.bundle.schema_spec.example())
assert 0 < answer.churn_probability < 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
