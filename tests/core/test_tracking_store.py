"""Finding registered bundles: by alias or version, verified, without MLflow where it is local."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import churn_core
from churn_core.errors import BundleError, RegistryError
from churn_core.tracking import MlflowStore
from churn_core.tracking.client import connect
from churn_core.tracking.versions import Reference, find_version, parse_reference
from tests.support.tracking import MODEL, Project


@pytest.fixture
def registered(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two versions: 1 is in production, 2 the candidate. The project is the current folder."""
    project.register()
    project.register(intercept=-1.0)
    with connect(project.where) as client:
        client.set_registered_model_alias(MODEL, "production", "1")
    monkeypatch.chdir(project.root)
    return project


def stored(project: Project, version: str) -> Path:
    return MlflowStore(project.where).fetch(f"models:/{MODEL}/{version}")[0]


def test_aliases_and_versions_open(registered: Project) -> None:
    production = churn_core.load(f"models:/{MODEL}@production")
    assert production.model.version == "1"
    assert churn_core.load(f"models:/{MODEL}/1").model == production.model
    candidate = churn_core.load(f"models:/{MODEL}@candidate")
    assert candidate.model.version == "2"
    assert candidate.model.digest != production.model.digest


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (f"models:/{MODEL}@staging", "no version with the alias 'staging' of model"),
        (f"models:/{MODEL}/3", f"no version 3 of model '{MODEL}'"),
        ("models:/other@production", "no version with the alias 'production' of model 'other'"),
        ("models:/other/1", "no version 1 of model 'other'"),
        ("models:/", "names no model"),
        (f"models:/{MODEL}/Production", "names no model"),
        (f"models:/{MODEL}@a/b", "names no model"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(ref: str, message: str, registered: Project) -> None:
    with pytest.raises(RegistryError, match=message):
        churn_core.load(ref)


def test_both_ways_of_reading_agree(registered: Project) -> None:
    """The tables of a local registry say what MLflow says."""
    for ref in ("production", "candidate", "1", "2"):
        reference = parse_reference(ref, MODEL)
        with connect(registered.where) as client:
            theirs = find_version(registered.where, reference, client)
        assert find_version(registered.where, reference) == theirs


def test_opening_a_local_model_does_not_import_mlflow(registered: Project) -> None:
    code = (
        "import sys, churn_core\n"
        f"churn_core.load('models:/{MODEL}@production').predict\n"
        "print(sorted({'mlflow', 'pandas', 'pyarrow', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=registered.root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_tables_that_are_not_known_are_left_to_mlflow(registered: Project) -> None:
    database = registered.where.database
    assert database is not None
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE model_version_tags RENAME TO something_else")
        connection.commit()
    with pytest.raises(RegistryError, match="model_version_tags"):
        find_version(registered.where, Reference(MODEL, alias="production"))


def test_without_a_registry_there_is_a_hint(project: Project) -> None:
    (project.root / "mlflow.db").unlink()
    with pytest.raises(RegistryError, match="`churn register` makes one"):
        MlflowStore(project.where).fetch(f"models:/{MODEL}@production")
    assert not (project.root / "mlflow.db").exists()


def test_a_deleted_version_is_gone(registered: Project) -> None:
    with connect(registered.where) as client:
        client.delete_model_version(MODEL, "2")
    with pytest.raises(RegistryError, match="no version 2"):
        MlflowStore(registered.where).fetch(f"models:/{MODEL}/2")


def test_a_version_that_is_not_ready_is_refused(registered: Project) -> None:
    database = registered.where.database
    assert database is not None
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE model_versions SET status = 'PENDING_REGISTRATION' WHERE version = 1")
        connection.commit()
    with pytest.raises(RegistryError, match="not ready: PENDING_REGISTRATION"):
        MlflowStore(registered.where).fetch(f"models:/{MODEL}/1")


def test_a_damaged_artifact_is_refused(registered: Project) -> None:
    graph = stored(registered, "1") / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(BundleError, match="not the graph that the manifest describes"):
        churn_core.load(f"models:/{MODEL}/1")
    assert churn_core.load(f"models:/{MODEL}/2").model.version == "2"


def test_a_lost_artifact_is_refused(registered: Project) -> None:
    shutil.rmtree(stored(registered, "1"))
    with pytest.raises(BundleError, match="is not a bundle"):
        churn_core.load(f"models:/{MODEL}/1")


def test_another_sound_bundle_in_its_place_is_refused(registered: Project) -> None:
    one, two = stored(registered, "1"), stored(registered, "2")
    shutil.rmtree(one)
    shutil.copytree(two, one)
    with pytest.raises(BundleError, match="not the bundle that was registered"):
        churn_core.load(f"models:/{MODEL}/1")


def test_a_project_can_be_moved(registered: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    moved = shutil.move(registered.root, tmp_path / "moved")
    monkeypatch.chdir(moved)
    assert churn_core.load(f"models:/{MODEL}@production").model.version == "1"
