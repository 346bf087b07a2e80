"""Where the model comes from, and what happens where it does not come."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from churn_core.bundle import Bundle
from churn_core.errors import BundleError, ChurnError, NoSuchVersion, RegistryError
from churn_serve import Settings, create_app, source
from churn_serve.__main__ import main
from churn_serve.copies import default_cache
from churn_serve.registry import Registry
from churn_serve.source import Opened, excuse, open_model
from tests.support.bundles import logistic_bundle
from tests.support.http import Caller
from tests.support.registry import FakeRegistry, fake_registry
from tests.support.servers import free_port

REF = "models:/churn@production"
Change = Callable[[FakeRegistry], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return logistic_bundle(tmp_path / "registered")


@pytest.fixture
def registry(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    with fake_registry(bundle) as fake:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", fake.address)
        yield fake


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(source, "BAKED", tmp_path / "baked")
    return Settings(cache_dir=str(tmp_path / "cache"), fetch_seconds=5)


def ready(opened: Opened) -> dict[str, str]:
    return Caller(create_app(opened.scorer, source=opened.source))("GET", "/health/ready").json()


def test_a_folder_is_read_as_it_is(bundle: Bundle, settings: Settings) -> None:
    opened = open_model(str(bundle.folder), settings)
    assert (opened.scorer.model.digest, opened.source.source) == (bundle.manifest.digest, "baked")
    assert not Path(settings.cache_dir).exists()


def test_a_bundle_is_fetched_and_kept(registry: FakeRegistry, settings: Settings, bundle: Bundle) -> None:
    opened = open_model(REF, settings)
    assert (opened.scorer.model.digest, opened.scorer.model.version) == (bundle.manifest.digest, "3")
    assert registry.files() == ["manifest.json", "model.onnx"]
    assert (ready(opened)["source"], opened.problem) == ("registry", "")
    again = open_model(REF, settings)
    assert (again.scorer.model, again.source.source) == (opened.scorer.model, "registry")
    assert registry.files() == ["manifest.json", "model.onnx"]  # the copy was good enough
    assert open_model("models:/churn/3", settings).scorer.model == opened.scorer.model


def test_a_new_version_takes_the_place_of_the_kept_one(
    registry: FakeRegistry, settings: Settings, tmp_path: Path
) -> None:
    open_model(REF, settings)
    registry.bundle = logistic_bundle(tmp_path / "next", intercept=-1.0)
    registry.digest = registry.bundle.manifest.digest
    assert open_model(REF, settings).scorer.model.digest == registry.digest
    (kept,) = [path for path in Path(settings.cache_dir).glob("*/*") if path.is_dir()]
    assert kept.name == registry.digest


def _dead(registry: FakeRegistry) -> None:
    registry.status = 500


def _slow(registry: FakeRegistry) -> None:
    registry.seconds = 1.0


def _cut(registry: FakeRegistry) -> None:
    registry.digest, registry.cut = "f" * 64, 7


def _other(registry: FakeRegistry) -> None:
    registry.digest = "f" * 64


def _elsewhere(registry: FakeRegistry) -> None:
    registry.digest, registry.source = "f" * 64, "s3://bucket/1/run/artifacts/model"


def _something_else(registry: FakeRegistry) -> None:
    registry.status = 404


def _closed(registry: FakeRegistry) -> None:
    registry.status = 403


TROUBLES: dict[str, tuple[Change, str, str]] = {
    "dead": (_dead, "The registry does not answer, or refuses", "answers with HTTP status 500"),
    "slow": (_slow, "The registry took too long", "took longer than 0.2 seconds"),
    "cut short": (_cut, "The registry does not answer, or refuses", "does not answer (IncompleteRead)"),
    "another bundle": (_other, "The registry's copy is damaged", "not the bundle that was registered"),
    "files elsewhere": (_elsewhere, "The registry does not answer, or refuses", "--serve-artifacts"),
    "no MLflow": (
        _something_else,
        "The registry does not answer, or refuses",
        "answers with HTTP status 404",
    ),
    "login": (_closed, "The registry does not answer, or refuses", "refuses the login"),
}


@pytest.mark.parametrize(("trouble", "why", "problem"), TROUBLES.values(), ids=TROUBLES)
def test_a_registry_in_trouble_stops_no_start(
    trouble: Change, why: str, problem: str, registry: FakeRegistry, settings: Settings
) -> None:
    first = open_model(REF, settings)
    trouble(registry)
    if trouble is _slow:
        settings = settings.model_copy(update={"fetch_seconds": 0.2})
    opened = open_model(REF, settings)
    assert opened.scorer.model == first.scorer.model
    told = ready(opened)
    assert (told["source"], told["since"]) == ("last-known-good", first.source.since)
    assert told["note"] == f"{why}; this copy is from an earlier start."
    assert problem in opened.problem


def test_a_port_where_nothing_listens_stops_no_start(
    registry: FakeRegistry, settings: Settings, monkeypatch: pytest.MonkeyPatch, bundle: Bundle
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:hunter2@127.0.0.1:{free_port()}")
    with pytest.raises(RegistryError, match="no good copy to start from") as caught:
        open_model(REF, settings)
    assert "hunter2" not in str(caught.value)
    assert "does not answer" in excuse(caught.value).note
    logistic_bundle(source.BAKED)
    opened = open_model(REF, settings)
    assert ready(opened)["source"] == "baked"
    assert opened.source.note.endswith("this copy came with the service.")


def test_the_command_starts_from_the_same_places(
    registry: FakeRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CHURN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CHURN_FETCH_SECONDS", "0.2")
    registry.seconds = 1.0
    assert main(["--bundle", REF]) == 1
    error = "error: the registry took longer than 0.2 seconds; there is no good copy to start from"
    assert capsys.readouterr().err.strip() == error


def test_one_failure_is_tried_again(registry: FakeRegistry, settings: Settings) -> None:
    registry.failures = 1
    assert open_model(REF, settings).source.source == "registry"


def test_a_registry_that_says_no_is_believed(registry: FakeRegistry, settings: Settings) -> None:
    open_model(REF, settings)
    for ref in ("models:/churn@staging", "models:/other/1"):
        with pytest.raises(NoSuchVersion, match=ref) as caught:
            open_model(ref, settings)
        assert excuse(caught.value).note == "The registry has no such version, so no model is loaded."


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "last.json"])
def test_a_copy_that_was_changed_is_refused(registry: FakeRegistry, settings: Settings, name: str) -> None:
    open_model(REF, settings)
    (path,) = Path(settings.cache_dir).rglob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    registry.status = 500
    with pytest.raises(RegistryError, match="no good copy"):
        open_model(REF, settings)
    registry.status = 200
    assert open_model(REF, settings).source.source == "registry"
    registry.status = 500
    assert open_model(REF, settings).source.source == "last-known-good"


def test_another_bundle_in_place_of_the_copy_is_refused(
    registry: FakeRegistry, settings: Settings, bundle: Bundle
) -> None:
    open_model(REF, settings)
    (folder,) = Path(settings.cache_dir).rglob(bundle.manifest.digest)
    logistic_bundle(folder, intercept=9.0)
    registry.status = 500
    with pytest.raises(RegistryError, match="holds another bundle than it was named after"):
        open_model(REF, settings)


def test_a_folder_that_cannot_be_written_costs_the_copy_only(
    registry: FakeRegistry, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    opened = open_model(REF, settings.model_copy(update={"cache_dir": str(tmp_path / "file")}))
    assert opened.source.source == "registry"
    assert opened.problem == "no copy was kept: NotADirectoryError"


@pytest.mark.parametrize(
    ("user", "environment", "login"),
    [
        ("", {"MLFLOW_TRACKING_TOKEN": "secret"}, "Bearer secret"),
        ("", {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "x"}, "Basic YW5hOng="),
        ("an%40:p@", {}, "Basic " + base64.b64encode(b"an@:p").decode()),
        ("", {}, ""),
    ],
)
def test_it_logs_in(registry: FakeRegistry, user: str, environment: dict[str, str], login: str) -> None:
    Registry(registry.address.replace("//", f"//{user}"), environment).fetch(REF, lambda _: None)
    assert set(registry.logins) == {login}


@pytest.mark.parametrize("ref", ["models:/churn", "models:/churn@a/b", "models:/@x"])
def test_a_reference_that_names_nothing_is_refused(registry: FakeRegistry, ref: str) -> None:
    with pytest.raises(RegistryError, match="names no model"):
        Registry(registry.address, {}).fetch(ref, lambda _: None)


def test_a_plugin_that_breaks_stops_no_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, bundle: Bundle
) -> None:
    def broken(ref: str) -> Bundle:
        raise ZeroDivisionError(ref)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    monkeypatch.setattr(source, "open_bundle", lambda ref: bundle)
    assert open_model(REF, settings).source.source == "registry"
    monkeypatch.setattr(source, "open_bundle", broken)
    opened = open_model(REF, settings)
    assert (opened.source.source, opened.problem) == ("last-known-good", "ZeroDivisionError")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///another.db")
    with pytest.raises(RegistryError, match="ZeroDivisionError; there is no good copy"):
        open_model(REF, settings)


def test_the_time_limit_covers_whatever_a_store_does(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "open_bundle", lambda ref: time.sleep(5))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    started = time.monotonic()
    with pytest.raises(RegistryError, match="took longer than 0.1 seconds"):
        open_model(REF, settings.model_copy(update={"fetch_seconds": 0.1}))
    assert time.monotonic() - started < 3


def test_copies_lie_where_they_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    assert default_cache() == tmp_path / "churn/served"
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "churn")
    assert default_cache() == Path("/tmp/churn")


def test_a_folder_without_a_bundle_is_an_error(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ChurnError) as caught:
        open_model(str(tmp_path / "none"), settings)
    assert isinstance(caught.value, BundleError)
