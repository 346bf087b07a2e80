"""Clients and services of different versions understand each other, by what each release recorded.

`tests/compat/record.py` says how a release is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from churn_client import ChurnClient, ChurnPrediction, Request, Response, RowError, StatusError
from churn_core import __version__
from churn_core.schemas import IbmTelcoCustomer
from tests.compat.record import ANSWERS, FOLDER, KEY, service
from tests.support.http import Caller

RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.name[0].isdigit())
RECORDED = sorted(path for path in FOLDER.glob("*/*.json") if path.name != ANSWERS)
# Which model of the client reads which route.
MODELS = {
    "/predict": "ChurnPrediction",
    "/predict/batch": "BatchAnswer",
    "/model": "ModelInfo",
    "/schema": "SchemaInfo",
}
# What is a mapping whose keys are names of something.
BY_NAME = {"metrics", "example", "texts", "subjects", "moves", "spellings", "values", "json_schema"}

recorded = pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")


class Replayed:
    """Answers as it was recorded, whatever is asked."""

    def __init__(self, status: int, body: object, headers: dict[str, str]) -> None:
        self.response = Response(status, json.dumps(body).encode(), headers)

    def send(self, request: Request) -> Response:
        return self.response

    def close(self) -> None:
        """There is nothing to close."""


def ask(path: str, client: ChurnClient, body: Any) -> Any:
    """What the client makes of the answer, as the answer had it."""
    route = path.partition("?")[0]
    if route == "/predict":
        return client.predict(body).model_dump(mode="json")
    if route == "/predict/batch":
        found = list(client.predict_many(body["customers"]))
        return {
            "predictions": [
                one.model_dump(mode="json") if isinstance(one, ChurnPrediction) else None for one in found
            ],
            "errors": [
                {"index": one.index, "errors": [problem._asdict() for problem in one.problems]}
                for one in found
                if isinstance(one, RowError)
            ],
        }
    if route == "/health/ready":
        return {"ready": client.ready()}
    return (client.model() if route == "/model" else client.schema()).model_dump(mode="json")


def missing(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """Where `found` lacks something of `expected` or has something else; more keys do no harm."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in cast("dict[str, Any]", expected).items():
            yield from missing(value, found[key], f"{place}/{key}") if key in found else (f"{place}/{key}",)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for at, (one, other) in enumerate(
            zip(cast("list[Any]", expected), cast("list[Any]", found), strict=True)
        ):
            yield from missing(one, other, f"{place}/{at}")
    elif expected != found:
        yield place


def understood(exchange: dict[str, Any], body: Any) -> Any:
    """What today's client makes of an answer."""
    request, response = exchange["request"], exchange["response"]
    client = ChurnClient(
        "http://old", transport=Replayed(response["status"], body, response["headers"]), retries=0
    )
    return ask(request["path"], client, request["body"])


def with_news(content: Any, *, by_name: bool = False) -> Any:
    """An answer as a newer service could give it: with unknown keys, wherever keys are fixed."""
    if isinstance(content, dict):
        parts = cast("dict[str, Any]", content).items()
        known = {key: with_news(value, by_name=key in BY_NAME) for key, value in parts}
        risk = {"churn_risk": "VERY_HIGH"} if "churn_risk" in known else {}
        return {**known, **risk} | ({} if by_name else {"newer": {"value": [1]}})
    return [with_news(one) for one in cast("list[Any]", content)] if isinstance(content, list) else content


@recorded
def test_todays_client_understands_every_release(path: Path) -> None:
    exchange = json.loads(path.read_text(encoding="utf-8"))
    body = exchange["response"]["body"]
    if exchange["response"]["status"] == 200:
        known = {name: value for name, value in body.items() if name not in ("status", "request_id")}
        if "status" not in body:
            assert list(missing(known, understood(exchange, body))) == []
        return
    with pytest.raises(StatusError) as caught:
        understood(exchange, body)
    error = caught.value
    assert (error.status, error.request_id) == (body["status"], body["request_id"])
    assert [problem._asdict() for problem in error.problems] == body["errors"]


@recorded
def test_todays_service_answers_the_requests_of_every_release(path: Path, call: Caller) -> None:
    exchange = json.loads(path.read_text(encoding="utf-8"))
    request, response = exchange["request"], exchange["response"]
    options = {"json": request["body"]} if request["body"] else {}
    answer = call(request["method"], request["path"], headers=request["headers"], **options)
    found = answer.json()
    assert answer.status_code == response["status"]
    assert answer.headers["content-type"] == response["headers"]["content-type"]
    assert list(shape(response["body"]) - shape(found)) == []
    name = MODELS.get(request["path"].partition("?")[0]) if answer.status_code == 200 else "Problem"
    if name:
        schema = json.loads((path.parent / ANSWERS).read_text(encoding="utf-8"))[name]
        jsonschema.validate(found, schema)


def shape(content: Any, place: str = "") -> set[str]:
    """The places of all keys; those of a list's parts are taken together."""
    if isinstance(content, list):
        return set().union(*(shape(one, f"{place}/*") for one in cast("list[Any]", content)))
    if not isinstance(content, dict):
        return set()
    keys = cast("dict[str, Any]", content)
    return {f"{place}/{key}" for key in keys}.union(
        *(shape(value, f"{place}/{key}") for key, value in keys.items())
    )


@recorded
def test_what_is_new_in_an_answer_does_no_harm(path: Path) -> None:
    exchange = json.loads(path.read_text(encoding="utf-8"))
    if exchange["response"]["status"] != 200 or path.stem in ("ready", "schema"):
        return
    old = understood(exchange, exchange["response"]["body"])
    new = understood(exchange, with_news(exchange["response"]["body"]))
    differing = [place for place in missing(old, new) if not place.endswith("/churn_risk")]
    assert differing == []
    assert ("VERY_HIGH" in json.dumps(new)) == path.stem.startswith(("predict", "batch"))


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_new_in_a_schema_is_left_out(release: str) -> None:
    exchange = json.loads((FOLDER / release / "schema.json").read_text(encoding="utf-8"))
    body = exchange["response"]["body"]
    newer = {**with_news({**body, "json_schema": {}}), "json_schema": body["json_schema"]}
    newer["spec"]["fields"][0]["texts"]["fr"] = {"description": "Un champ"}
    newer["spec"]["rules"].insert(0, {"kind": "excludes", "fields": ["partner", "dependents"]})
    assert list(missing(understood(exchange, body), understood(exchange, newer))) == []


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Caller:
    return service(tmp_path_factory.mktemp("bundle"))


def test_this_release_is_recorded() -> None:
    assert __version__ in RELEASES, f"python -m tests.compat.record {__version__}"
    assert IbmTelcoCustomer.parse(json.loads((FOLDER / "0.1.0/predict.json").read_text())["request"]["body"])
    assert KEY in (FOLDER / "0.1.0/predict.json").read_text()
