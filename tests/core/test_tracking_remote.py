"""The same work against an MLflow server, and against addresses where none is."""

from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

import churn_core
from churn_core.errors import BundleError, GateRefused, RegistryError
from churn_core.params import MlflowParams, Params
from churn_core.tracking import (
    Entry,
    MlflowStore,
    check_model,
    export_log,
    history,
    import_log,
    live,
    promote,
    rollback,
    tracking,
)
from churn_core.tracking.client import connect
from churn_core.tracking.ledger import append, point, standing
from tests.support.servers import free_port, mlflow_process
from tests.support.tracking import MODEL, Project


@pytest.fixture(scope="module")
def server(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an MLflow server with an empty registry, which keeps the artifacts itself."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_registry, folder / "mlflow.db")
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command = ["server", *store, "--artifacts-destination", str(folder / "kept"), "--workers", "1"]
    with mlflow_process(command, "/health", folder, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false") as address:
        yield address


@pytest.fixture
def far(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose registry is the server, and which has no local store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Project(tmp_path)


def test_the_whole_way_works_over_http(far: Project, capfd: pytest.CaptureFixture[str]) -> None:
    first = far.judged()
    assert far.register() == first.__class__(MODEL, "1", first.run_id, first.digest, created=False)
    with pytest.raises(GateRefused, match="was not compared with no champion"):
        promote(far.params, far.root, who="ana", verdict=far.verdict(first.digest, "e" * 64))
    promote(far.params, far.root, who="ana")
    far.judged(first.digest, intercept=-1.0)
    promote(far.params, far.root, who="ana")
    assert check_model(far.params, far.root).passed
    assert rollback(far.params, far.root, who="ben").to_version == "1"
    assert [e.to_version for e in history(far.params, far.root)] == ["1", "2", "1"]
    assert check_model(far.params, far.root).passed
    assert churn_core.load(f"models:/{MODEL}@production").model.digest == first.digest
    assert not (far.root / "mlflow.db").exists()
    assert not (far.root / "mlartifacts").exists()
    assert capfd.readouterr().out == ""
    _a_service_needs_no_mlflow(far, first.digest)
    _bundles_are_fetched_once(far, first.digest)
    _a_bundle_damaged_on_the_server_is_refused(far)


def test_a_log_moves_to_a_server(far: Project, empty_registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = Params(mlflow=MlflowParams(model="moved-churn"))
    (far.root / "near").mkdir()
    near = Project(far.root / "near", empty_registry)
    near.params = far.params = params
    with monkeypatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI")
        digests = [near.judged(intercept=-1.0).digest]
        promote(params, near.root, who="ana")
        digests.append(near.judged(digests[0], intercept=-1.1).digest)
        promote(params, near.root, who="ana")
        entries, file = history(params, near.root), export_log(params, near.root)
    for intercept in (-1.1, -1.0):
        far.register(intercept=intercept)
    assert import_log(params, far.root, data=file) == ()
    assert history(params, far.root) == entries
    assert live(params, far.root, at=entries[0].when - timedelta(seconds=1)) is None
    assert live(params, far.root, at=entries[1].when) == entries[1]
    assert check_model(params, far.root).digest == digests[1]
    _of_two_at_once_one_is_first(far, digests)
    assert rollback(params, far.root, who="ben").bundle == digests[1]
    assert check_model(params, far.root).passed


def _of_two_at_once_one_is_first(far: Project, digests: list[str]) -> None:
    """Both read the log before either writes."""
    far.register(intercept=-1.2)
    with connect(far.where) as client:
        now = standing(far.where, client)
        last = now.entries[-1]
        entries = [
            Entry.model_validate(
                {**last.model_dump(), "number": 3, "previous": last.digest, "who": who, "bundle": bundle}
            )
            for who, bundle in (("ana", digests[0]), ("ben", digests[1]))
        ]
        append(far.where, client, entries[0])
        with pytest.raises(
            RegistryError, match="ana moved the production alias to version 2 at the same time"
        ):
            append(far.where, client, entries[1])
        point(far.where, client, entries[0])
        assert standing(far.where, client).entries == (*now.entries, entries[0])


def _a_service_needs_no_mlflow(far: Project, digest: str) -> None:
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from churn_serve import Settings\n"
        "from churn_serve.source import open_model\n"
        "settings = Settings(cache_dir=sys.argv[1], fetch_seconds=60)\n"
        f"opened = open_model('models:/{MODEL}@production', settings)\n"
        "print(opened.scorer.model.version, opened.scorer.model.digest, *opened[1:2])"
    )
    command = [sys.executable, "-c", code, str(far.root / "served")]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.startswith(f"1 {digest} Source(source='registry'"), run.stdout + run.stderr


def _bundles_are_fetched_once(far: Project, digest: str) -> None:
    cached = far.root / "cache/churn/bundles" / digest
    assert MlflowStore(far.where).fetch(f"models:/{MODEL}/1") == (cached, "1")
    written = (cached / "model.onnx").stat().st_mtime_ns
    MlflowStore(far.where).fetch(f"models:/{MODEL}/1")
    assert (cached / "model.onnx").stat().st_mtime_ns == written
    (cached / "model.onnx").write_bytes(b"damaged")
    MlflowStore(far.where).fetch(f"models:/{MODEL}/1")
    assert churn_core.load(str(cached)).model.digest == digest


def _a_bundle_damaged_on_the_server_is_refused(far: Project) -> None:
    shutil.rmtree(far.root / "cache")
    with connect(far.where) as client:
        run_id = client.get_model_version(MODEL, "1").run_id or ""
        far.write("model.onnx", "damaged")
        client.log_artifact(run_id, str(far.root / "model.onnx"), "model/data/bundle")
    with pytest.raises(BundleError, match="is not the graph"):
        churn_core.load(f"models:/{MODEL}/1")
    assert "is not the graph" in check_model(far.params, far.root).problems[0]


# where no server is


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers everything with one status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *arguments: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Nothing to say."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def error_at(address: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What all ways in say about a registry; they say the same, soon."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params = Params(mlflow=MlflowParams(tracking_uri=address))
    started = time.monotonic()
    with pytest.raises(RegistryError) as caught:
        history(params, root)
    with pytest.raises(RegistryError) as again:
        MlflowStore(tracking(params, root)).fetch(f"models:/{MODEL}@production")
    assert time.monotonic() - started < 20
    assert str(caught.value) == str(again.value)
    return str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password(status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as address:
        message = error_at(address.replace("//", "//ana:hunter2@"), tmp_path, monkeypatch)
    assert message == (
        f"the registry at {address} refuses the login; check MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD"
    )


def test_a_port_where_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert error_at(address, tmp_path, monkeypatch) == f"the registry at {address} does not answer"


def test_a_host_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_at("http://ana:hunter2@nowhere.invalid", tmp_path, monkeypatch)
    assert message == "the registry at http://nowhere.invalid does not answer"


def test_a_server_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with silent() as address:
        assert error_at(address, tmp_path, monkeypatch).endswith("does not answer")


def test_a_server_that_is_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for status in (404, 418):
        with answering(status) as address:
            message = error_at(address, tmp_path, monkeypatch)
        asked = f"answers with HTTP status {status}; is it an MLflow server?"
        assert message == f"the registry at {address} {asked}"


def test_a_server_in_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(503) as address:
        assert error_at(address, tmp_path, monkeypatch) == f"the registry at {address} does not answer"
