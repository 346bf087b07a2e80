"""The DVC pipeline: what makes which stage run again, and its parameters and remotes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from churn_core import registry
from churn_core.params import Params, read_params
from tests.support.imports import ROOT, reached
from tests.support.projects import Project, write_csv

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = PIPELINE["stages"]

# Named by every stage, and without influence on what comes out.
CARRIERS = {
    f"churn_core/{name}.py"
    for name in ("__init__", "errors", "params", "params_yaml", "protocols", "registry")
}

MODULES = {
    "fetch": ("churn_core.train.fetch", "datasets"),
    "prepare": ("churn_core.train.prepare", "schemas"),
    "train": ("churn_core.train.training", "trainers", "features", "schemas"),
    "evaluate": ("churn_core.train.evaluation.run", "features", "schemas"),
}


def modules(stage: str) -> list[str]:
    """The stage's own module, and those of the built-in plugins that it may call."""
    entry, *groups = MODULES[stage]
    plugins = [plugin for group in groups for plugin in registry.plugins(group)]
    built_in = [plugin.target.partition(":")[0] for plugin in plugins if plugin.distribution == "churn-core"]
    return [entry, *built_in]


def code(stage: str) -> set[str]:
    return {dep for dep in STAGES[stage]["deps"] if dep.startswith("churn_core/")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs_and_on_no_other(stage: str) -> None:
    needed = reached(modules(stage)) - CARRIERS
    if stage == "fetch":
        # Data sets are not read, only carried; a schema decides by data/schema.json.
        needed = {path for path in needed if not path.startswith("churn_core/schemas/")}
    listed = code(stage)
    missing = {path for path in needed if not any(Path(path).is_relative_to(dep) for dep in listed)}
    idle = {dep for dep in listed if not any(Path(path).is_relative_to(dep) for path in needed)}
    assert (missing, idle) == (set(), set())


def test_every_dependency_exists_or_is_made_by_a_stage_before() -> None:
    made: set[str] = set()
    for stage in STAGES.values():
        for dep in stage["deps"]:
            assert dep in made or (ROOT / dep).exists(), dep
        for out in [*stage["outs"], *stage.get("metrics", [])]:
            made.add(out if isinstance(out, str) else next(iter(out)))


def test_no_out_overlaps_another_or_the_pointer() -> None:
    outs = [
        Path(out if isinstance(out, str) else next(iter(out)))
        for stage in STAGES.values()
        for out in [*stage["outs"], *stage.get("metrics", [])]
    ]
    places = [*outs, Path("data/telcovision/telco_churn.csv")]
    assert not [(a, b) for a in places for b in places if a is not b and a.is_relative_to(b)]


def dotted(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        key = prefix + (info.alias or name)
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from dotted(inner, f"{key}.")
        else:
            yield key


def value_at(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content[part]
    return content


def test_params_yaml_names_every_parameter_and_is_valid() -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key in dotted(Params):
        value_at(content, key)
    read_params(ROOT / "params.yaml")


# The comment above the line before them speaks of these too, or their names say it all.
SELF_EXPLAINED = {"acceptance_beta", "currency", "high_risk", "experiment"}


def test_every_parameter_is_explained_in_place() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    keys = {
        found[1]: before.strip().startswith("#")
        for before, line in pairwise(lines)
        if (found := re.match(r"  (\w+):", line))
    }
    assert keys.keys() >= SELF_EXPLAINED
    assert {key for key, explained in keys.items() if not explained} <= SELF_EXPLAINED


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_parameters_that_exist(stage: str) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key in STAGES[stage]["params"]:
        value_at(content, key)
        assert not key.startswith("gate")


def test_plots_show_what_evaluation_writes() -> None:
    from churn_core.train.evaluation.numbers import PLOTS

    files = {file for plot in PIPELINE["plots"] for entry in plot.values() for file in entry["y"]}
    assert {Path(file).parent for file in files} == {Path("outputs") / PLOTS}
    assert {Path(file).stem for file in files} >= {"roc", "pr", "confusion", "calibration", "gains"}


# The real thing


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A git and DVC project with this pipeline, run as far as `prepare` on a CSV file outside of it."""
    pytest.importorskip("dvc", reason="DVC is not part of this environment")
    folder = tmp_path_factory.mktemp("pipeline")
    root = folder / "project"
    for name, skipped in (("churn_core", ("__pycache__",)), (".dvc", ("tmp", "cache", "config.local"))):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(*skipped))
    (root / "data").mkdir()
    for name in ("dvc.yaml", ".dvcignore", "data/.gitignore"):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "-q", root], check=True)
    source = write_csv(folder / "mine.csv")
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content |= {"dataset": {"options": {"path": str(source)}, "max_rejects": 0.01}, "schema": "telcovision"}
    project = Project(root, **content)
    output = dvc(project, "repro", "prepare")
    assert "Running stage 'fetch'" in output
    assert "Running stage 'prepare'" in output
    assert project.prepared.num_rows == 400
    return project


def dvc(project: Project, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=project.root,
        env={
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(project.root / ".dvc/tmp/site"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_stage_runs_again_when_its_input_or_its_code_has_changed(project: Project) -> None:
    write_csv(project.root.parent / "mine.csv", rows=500)
    assert "Running stage 'prepare'" in dvc(project, "repro", "prepare")
    assert project.prepared.num_rows == 500
    assert "Stage 'prepare' didn't change, skipping" in dvc(project, "repro", "prepare")
    for name in ("split.py", "calibrate.py"):
        with (project.root / "churn_core/train" / name).open("a") as file:
            file.write("# changed\n")
    (status,) = json.loads(dvc(project, "status", "--json", "prepare"))["prepare"]
    assert status == {"changed deps": {"churn_core/train/split.py": "modified"}}


def test_data_travel_through_a_remote(project: Project) -> None:
    before = project.prepared
    dvc(project, "remote", "add", "--default", "here", str(project.root.parent / "remote"))
    dvc(project, "push", "prepare", "fetch")
    for folder in ("data/raw", "data/prepared", "data/rejects", ".dvc/cache"):
        shutil.rmtree(project.root / folder)
    dvc(project, "pull", "prepare", "fetch")
    assert project.prepared.equals(before)
    assert (project.root / "data/raw/customers.csv").exists()
