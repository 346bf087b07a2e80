"""The function as it runs on Lambda: a process under AWS's own runtime client."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn_core.bundle import Scorer, read_bundle
from tests.support.bundles import logistic_bundle
from tests.support.events import http_api, load_balancer, rest_api
from tests.support.registry import fake_registry
from tests.support.runtime_api import Function, function

# Notes each file of a bundle that is opened.
WATCH = """
import os, sys
def note(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".onnx", "manifest.json")):
        os.write(descriptor, (os.path.basename(arguments[0]) + "\\n").encode())
descriptor = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture(scope="module")
def running(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A warm function whose bundle was removed after its first answer."""
    folder = tmp_path_factory.mktemp("function")
    own = shutil.copytree(bundle, folder / "model")
    (folder / "sitecustomize.py").write_text(WATCH)
    watched = {"PYTHONPATH": str(folder), "WATCHED": str(folder / "opened")}
    with function(folder, CHURN_BUNDLE=str(own), CHURN_AUTH="iam", **watched) as one:
        assert one.answer(http_api("GET", "/health/live"))["statusCode"] == 200
        shutil.rmtree(own)
        yield one
        assert (folder / "opened").read_text().split() == ["manifest.json", "model.onnx"]


def test_a_thousand_answers_come_from_one_reading(
    running: Function, bundle: Path, customer: dict[str, Any]
) -> None:
    scorer = Scorer(read_bundle(bundle))
    kinds = (http_api, rest_api, load_balancer)
    for count in range(1000):
        asked = {**customer, "tenure_months": count % 72 + 1}
        response = running.answer(kinds[count % 3]("POST", "/predict", json.dumps(asked)))
        answer = json.loads(response["body"])
        expected = json.loads(scorer.predict(asked).model_dump_json())
        assert {**answer, "request_id": ""} == expected
    lines = running.lines("request")
    assert len(lines) >= 1000
    assert len(running.lines("model")) == 1
    for line in lines:
        check_emf(line)
    assert customer["customer_id"] not in running.output


def test_an_event_that_is_no_request_is_an_error(running: Function) -> None:
    kind, content = running.invoke({"Records": [{"messageId": "1", "body": "7590-VHVEG"}]})
    assert (kind, content["errorType"]) == ("error", "UnknownEvent")
    assert "7590-VHVEG" not in json.dumps(content) + running.output
    assert running.answer({"source": "aws.events"}) == {"warm": True, "ready": True}


def test_too_little_time_is_an_answer(running: Function, customer: dict[str, Any]) -> None:
    body = json.dumps({"customers": [customer] * 1000})
    late = running.answer(http_api("POST", "/predict/batch", body, "action=true"), seconds=0.3)
    problem = json.loads(late["body"])
    assert (late["statusCode"], problem["status"], late["headers"]["retry-after"]) == (503, 503, "1")
    assert running.answer(http_api("POST", "/predict", json.dumps(customer)))["statusCode"] == 200
    failed = [line for line in running.lines("request") if line["status"] == 503]
    assert [(line["Route"], line["StatusClass"], line["Errors"]) for line in failed] == [
        ("/predict/batch", "5xx", 1)
    ]


def test_a_broken_bundle_is_said_to_callers(tmp_path: Path, bundle: Path, customer: dict[str, Any]) -> None:
    own = shutil.copytree(bundle, tmp_path / "model")
    (own / "model.onnx").write_bytes(b"damaged")
    with function(tmp_path, CHURN_BUNDLE=str(own), CHURN_AUTH="iam") as broken:
        for event in (http_api("GET", "/health/ready"), rest_api("POST", "/predict", json.dumps(customer))):
            response = broken.answer(event)
            problem = json.loads(response["body"])
            assert response["statusCode"] == problem["status"] == 503
            assert problem["detail"] == "The bundle is missing or damaged, so no model is loaded."
        assert broken.answer(http_api("GET", "/health/live"))["statusCode"] == 200
        (line,) = broken.lines("no model")
    assert "model.onnx is not the graph" in line["problem"]


def test_a_dead_registry_stops_no_start(tmp_path: Path, bundle: Path) -> None:
    own = {"CHURN_BUNDLE": "models:/churn@production", "CHURN_AUTH": "iam", "CHURN_CACHE_DIR": str(tmp_path)}
    with fake_registry(read_bundle(bundle)) as registry:
        for status, source in ((200, "registry"), (500, "last-known-good")):
            registry.status = status
            with function(tmp_path, MLFLOW_TRACKING_URI=registry.address, **own) as one:
                ready = json.loads(one.answer(http_api("GET", "/health/ready"))["body"])
            assert (ready["source"], ready["model"]["version"]) == (source, "3")


def test_without_protection_it_does_not_start(tmp_path: Path, bundle: Path) -> None:
    with function(tmp_path, CHURN_BUNDLE=str(bundle)) as refused:
        kind, content = refused.outcome()
    assert (kind, content["errorType"]) == ("init/error", "Unprotected")
    assert "CHURN_API_KEY_HASHES" in content["errorMessage"]


def check_emf(line: dict[str, Any]) -> None:
    """What the specification of the Embedded Metric Format asks of a document."""
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(line["_aws"]["Timestamp"], int)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 255
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            for name in names:
                assert isinstance(line[name], str)
                assert 1 <= len(line[name]) <= 1024
                assert line[name].isascii()
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() <= {"Name", "Unit", "StorageResolution"}
            assert metric["Unit"] in {"Milliseconds", "Count"}
            assert isinstance(line[metric["Name"]], int | float)
