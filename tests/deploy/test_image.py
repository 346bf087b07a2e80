"""The tree of a serving image: built as the Dockerfile does it, measured, and run from nothing else."""

from __future__ import annotations

import email
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import churn_core
from churn_core.schemas import IbmTelcoCustomer
from tests.support.bundles import logistic_bundle

FORBIDDEN = re.compile(
    r"(^|/)(tests?|testing|conftest\.py|pip|setuptools|pytest|ipykernel|notebook|pandas|sklearn|mlflow|pycaret|onnx|"
    r"churn_client|httpx)(/|$)|\.(a|o|h|c|pyi|ipynb)$"
)


class Built(NamedTuple):
    tree: Path
    report: dict[str, Any]
    printed: str


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle")).folder


def build(root: Path, model: Path, place: Path, *options: str) -> Built:
    command = [sys.executable, str(root / "scripts/image.py"), "--bundle", str(model), *options]
    command += ["--out", str(place / "tree"), "--json", str(place / "report.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert done.returncode == 0, done.stderr
    return Built(place / "tree", json.loads((place / "report.json").read_text()), done.stdout)


@pytest.fixture(scope="session")
def for_lambda(root: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(root, model, tmp_path_factory.mktemp("lambda"))


@pytest.fixture(scope="session")
def for_server(root: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(root, model, tmp_path_factory.mktemp("server"), "--server")


def content(tree: Path) -> dict[str, bytes]:
    return {
        path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()
    }


# --- what is in it


def test_it_is_small_and_says_how_small(for_lambda: Built, for_server: Built) -> None:
    for built in (for_lambda, for_server):
        total = sum(map(len, content(built.tree).values()))
        assert total == built.report["bytes"] == sum(p["bytes"] for p in built.report["packages"].values())
        assert total <= 120e6  # the budget is 165 MB
        assert f"{total / 1e6:.1f} MB of 165 MB" in built.printed
        assert built.report["packages"]["numpy"]["version"] in built.printed
    assert for_lambda.report["bytes"] < for_server.report["bytes"]


def test_nothing_is_in_it_that_does_not_serve(for_server: Built) -> None:
    names = content(for_server.tree)
    assert [name for name in names if FORBIDDEN.search(name)] == []
    assert FORBIDDEN.search("numpy/_core/tests/test_api.py")
    assert sorted(path.name for path in (for_server.tree / "model").iterdir()) == [
        "manifest.json",
        "model.onnx",
    ]


@pytest.mark.parametrize("target", ["lambda", "server"])
def test_packages_are_those_declared(
    image: SimpleNamespace, for_lambda: Built, for_server: Built, target: str
) -> None:
    tree = for_lambda.tree if target == "lambda" else for_server.tree
    extras = {"churn-core": {"runtime"}, "churn-serve": {"server"} if target == "server" else set[str]()}
    found = {path.parent: path.read_text() for path in tree.glob("*.dist-info/METADATA")}
    parsed = [email.message_from_string(text) for text in found.values()]
    needed = {"churn-serve"} | {
        canonicalize_name(requirement.name)
        for part in parsed
        for requirement in map(Requirement, part.get_all("Requires-Dist", []))
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": e}) for e in {"", *extras.get(part["Name"], set())})
    }
    assert {canonicalize_name(part["Name"]) for part in parsed} == needed - image.UNUSED


def test_exceptions_name_pinned_packages(image: SimpleNamespace) -> None:
    pins = {line.partition("==")[0] for line in image.PINS.read_text().splitlines()}
    assert pins > image.UNUSED | image.SERVER


def test_two_builds_give_the_same_bytes(for_lambda: Built, for_server: Built) -> None:
    fewer, more = content(for_lambda.tree), content(for_server.tree)
    assert [name for name in fewer if fewer[name] != more.get(name)] == []
    added = {name.partition("/")[0].partition("-")[0] for name in more.keys() - fewer.keys()}
    assert added == {"click", "h11", "httptools", "uvicorn"}


def test_all_is_compiled_readable_and_free_of_this_machine(for_lambda: Built) -> None:
    tree = for_lambda.tree
    sources = list(tree.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        code = compiled.read_bytes()
        assert code[4:8] == b"\1\0\0\0"  # by hash, and never compared
        assert os.fsencode(tree) not in code
    assert {path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mtime for path in tree.rglob("*")} == {0}


# --- it runs


def test_the_handler_answers_what_the_model_says(for_lambda: Built, model: Path) -> None:
    scorer = churn_core.load(str(model))
    expected = scorer.predict(scorer.bundle.schema_spec.example())
    answer = for_lambda.report["answer"]
    # This environment may have other versions of numpy and ONNX Runtime; the check inside compares bits.
    assert answer["churn_probability"] == pytest.approx(expected.churn_probability, abs=1e-6)
    assert (answer["churn_prediction"], answer["churn_risk"]) == (
        expected.churn_prediction,
        expected.churn_risk,
    )
    assert for_lambda.report["model"]["digest"] == scorer.bundle.digest


@pytest.mark.parametrize("lacking", ["mangum", "pydantic_core", "fastapi", "model"])
def test_a_tree_that_lacks_a_part_is_refused(
    image: SimpleNamespace, for_lambda: Built, tmp_path: Path, lacking: str
) -> None:
    for path in for_lambda.tree.iterdir():
        if path.name != lacking:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(image.ImageError, match="the tree does not answer: "):
        image.check(tmp_path)


@contextmanager
def serving(tree: Path) -> Iterator[str]:
    """The service started as the image starts it: in the tree, with nothing else to import."""
    command = [sys.executable, "-S", "-s", "-B", "-m", "churn_serve", "--bundle", "model", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tree, env={"PATH": os.defpath}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)


def test_the_server_answers_from_the_tree(for_server: Built) -> None:
    def ask(path: str, body: bytes | None = None) -> str:
        request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read().decode()

    with serving(for_server.tree) as url:
        answer = json.loads(ask("/predict", json.dumps(IbmTelcoCustomer.spec.example()).encode()))
        assert answer["churn_probability"] == for_server.report["answer"]["churn_probability"]
        assert answer["reasons"] == for_server.report["answer"]["reasons"]
        assert json.loads(ask("/health/ready"))["status"] == "ready"
        assert "swagger" in ask("/docs")
        assert json.loads(ask("/openapi.json"))["paths"]["/predict"]


# --- it refuses


def test_a_folder_in_the_way_is_kept(image: SimpleNamespace, model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(image.ImageError, match="is in the way"):
        image.build(model, tmp_path)
    assert (tmp_path / "mine").exists()


def test_what_is_no_bundle_is_refused(image: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(image.ImageError, match="is not a bundle"):
        image.build(tmp_path, tmp_path / "tree")


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_another_model_than_the_label_says_is_refused(
    image: SimpleNamespace, model: Path, tmp_path: Path, digest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--bundle", str(model), "--out", str(tmp_path / "tree"), "--model-digest", digest]
    assert image.main(words) == 1
    assert re.fullmatch(
        rf"error: the bundle's digest is [0-9a-f]{{64}}, not '{digest}'\n", capsys.readouterr().err
    )
    assert not (tmp_path / "tree").exists()


def test_a_tree_beyond_the_limit_is_refused(image: SimpleNamespace, for_lambda: Built) -> None:
    sizes = image.measure(for_lambda.tree)
    image.refuse_large(sizes, 165)
    with pytest.raises(
        image.ImageError, match=r"has \d+\.\d MB, more than the limit of 50 MB; the largest: numpy"
    ):
        image.refuse_large(sizes, 50)
