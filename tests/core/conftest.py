"""Fixtures of the tests of churn_core."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from churn_core.tracking import tracking
from churn_core.tracking.client import connect
from tests.support.tracking import Project


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with all tables and nothing in them; making one takes seconds."""
    pytest.importorskip("mlflow", reason="MLflow is not part of this environment")
    where = tracking(root=tmp_path_factory.mktemp("registry"))
    with connect(where, create=True) as client:
        client.search_registered_models()
    assert where.database is not None
    with closing(sqlite3.connect(where.database)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return where.database


@pytest.fixture
def project(tmp_path: Path, empty_registry: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", empty_registry)
