"""The promotion log in another registry: the same answers, and the same way back."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_core.errors import GateRefused, NoSuchVersion, RegistryError
from churn_core.tracking import (
    Entry,
    check_model,
    export_log,
    history,
    import_log,
    live,
    promote,
    register,
    rollback,
)
from churn_core.tracking.client import connect
from churn_core.tracking.transfer import read_export
from tests.support.projects import run_churn
from tests.support.tracking import MODEL, Project

MOVES = ("promote", "promote", "promote", "rollback")


@dataclass
class Past:
    """A registry with three models, of which the second is live again."""

    project: Project
    digests: list[str]
    file: bytes

    @property
    def entries(self) -> tuple[Entry, ...]:
        return history(self.project.params, self.project.root)


@pytest.fixture(scope="module")
def past(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        project = Project(tmp_path_factory.mktemp("past"), empty_registry)
        digests = [project.judged(intercept=-1.0).digest]
        promote(project.params, project.root, who="ana", reason="first")
        digests.append(project.judged(digests[0], passed=False, intercept=-1.1).digest)
        promote(project.params, project.root, who="ben", reason="urgent", override=True)
        digests.append(project.judged(digests[1], intercept=-1.2).digest)
        promote(project.params, project.root, who="ana", reason="third")
        rollback(project.params, project.root, who="cleo", reason="odd")
        return Past(project, digests, export_log(project.params, project.root))


def settle_in(past: Past, project: Project, order: tuple[int, ...] = (2, 1, 0)) -> None:
    """Register the bundles of the past here, in another order."""
    for place in order:
        project.train(intercept=-1.0 - place / 10)
        assert register(project.params, project.root).digest == past.digests[place]


def same_answers(past: Past, project: Project) -> None:
    moments = [entry.when + timedelta(seconds=shift) for entry in past.entries for shift in (-1, 0, 1)]
    for moment in (
        *moments,
        past.entries[0].when - timedelta(days=1),
        past.entries[-1].when + timedelta(days=9),
    ):
        expected = live(past.project.params, past.project.root, at=moment)
        assert live(project.params, project.root, at=moment) == expected


def test_another_registry_gives_the_same_answers(past: Past, project: Project) -> None:
    settle_in(past, project)
    assert import_log(project.params, project.root, data=past.file) == ()
    assert history(project.params, project.root) == past.entries
    same_answers(past, project)
    assert export_log(project.params, project.root) == past.file
    with connect(project.where) as client:
        assert client.get_registered_model(MODEL).aliases["production"] == 2
    assert check_model(project.params, project.root, allow_override=True).passed
    back = rollback(project.params, project.root, who="ben")
    assert (back.bundle, back.to_version, back.number) == (past.digests[0], "3", 5)
    assert check_model(project.params, project.root).passed
    again = project.verdict(past.digests[2], past.digests[0])
    assert promote(project.params, project.root, "1", who="ana", verdict=again).number == 6


def test_it_is_typed(past: Past, project: Project, tmp_path: Path) -> None:
    there, here = ("--root", past.project.root), ("--root", project.root)
    for root in (past.project.root, project.root):
        (root / "params.yaml").write_text("schema: ibm-telco\n")
    exported = run_churn("history", "--export", tmp_path / "log.json", *there)
    assert exported.exit_code == 0, exported.output
    settle_in(past, project, (0, 1))
    imported = run_churn("history", "--import", tmp_path / "log.json", *here)
    assert imported.exit_code == 0, imported.output
    assert imported.stdout == exported.stdout
    assert f"note: the bundle {past.digests[2][:12]} of entry 3 is not registered here" in imported.stderr
    for entry in past.entries:
        at = ("history", "--json", "--at", f"{entry.when:%Y-%m-%dT%H:%M:%S}")
        assert run_churn(*at, *here).stdout == run_churn(*at, *there).stdout
    both = run_churn("history", "--at", "2026-01-01", "--export", tmp_path / "x", *here)
    assert both.exit_code == 2
    assert run_churn("history", "--import", tmp_path / "log.json", *here).exit_code == 0


def test_a_log_is_never_replaced(past: Past, project: Project) -> None:
    settle_in(past, project)
    project.judged(intercept=-3.0)
    promote(project.params, project.root, who="ana")
    before = history(project.params, project.root)
    with pytest.raises(GateRefused, match=r"a promotion log of its own \(1 entries\).*never replaced"):
        import_log(project.params, project.root, data=past.file)
    assert history(project.params, project.root) == before


def test_an_alias_set_by_hand_is_not_replaced(past: Past, project: Project) -> None:
    settle_in(past, project)
    done = project.register(intercept=-3.0)
    with connect(project.where) as client:
        client.set_registered_model_alias(MODEL, "production", done.version)
    with pytest.raises(GateRefused, match="version 4 is in production here"):
        import_log(project.params, project.root, data=past.file)


def test_what_is_live_has_to_be_here(past: Past, project: Project) -> None:
    settle_in(past, project, (0,))
    with pytest.raises(NoSuchVersion, match="register its bundle again"):
        import_log(project.params, project.root, data=past.file)
    assert history(project.params, project.root) == ()


def test_an_interrupted_import_is_finished(
    past: Past, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(past, project)
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.set_registered_model_alias", _killed)
        with pytest.raises(KeyboardInterrupt):
            import_log(project.params, project.root, data=past.file)
    import_log(project.params, project.root, data=past.file)
    assert check_model(project.params, project.root, allow_override=True).passed


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _changed(content: dict[str, Any], kind: str) -> dict[str, Any]:
    if kind == "entry":
        content["entries"][1]["who"] = "nobody"
    elif kind == "entry and digest":
        changed = Entry.model_validate({**content["entries"][1], "who": "nobody"})
        content["entries"][1]["who"], content["digests"][1] = "nobody", changed.digest
    elif kind == "lost":
        del content["entries"][1], content["digests"][1]
    elif kind == "verdict":
        next(iter(content["evidence"].values()))["verdict"]["rows"] = 11
    else:
        content["format"] = 2
    return content


@pytest.mark.parametrize("kind", ["entry", "entry and digest", "lost", "verdict", "format"])
def test_a_changed_file_is_refused(kind: str, past: Past) -> None:
    assert read_export(past.file).entries == past.entries
    with pytest.raises(RegistryError, match="promotion log"):
        read_export(json.dumps(_changed(json.loads(past.file), kind)).encode())


def test_nothing_can_be_carried_too(project: Project) -> None:
    project.register()
    assert import_log(project.params, project.root, data=export_log(project.params, project.root)) == ()


# a way back that is gone


def test_a_deleted_version_is_no_way_back(project: Project) -> None:
    first = project.judged(intercept=-1.0).digest
    promote(project.params, project.root, who="ana")
    kept = shutil.copytree(project.root / "models/candidate", project.root / "kept")
    project.judged(first, intercept=-1.1)
    promote(project.params, project.root, who="ana")
    (project.root / "params.yaml").write_text("schema: ibm-telco\n")
    with connect(project.where) as client:
        client.delete_model_version(MODEL, "1")
    refused = run_churn("rollback", "--root", project.root)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: version 1 (bundle ")
    assert "is not in the registry (any more); register its bundle again" in refused.stderr
    assert len(history(project.params, project.root)) == 2
    register(project.params, project.root, kept)
    assert "version 3 rolled back by" in run_churn("rollback", "--root", project.root).stdout
    assert live(project.params, project.root, at=history(project.params, project.root)[-1].when)
