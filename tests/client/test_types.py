"""What a type checker knows about the client, from the file of somebody who uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.imports import ROOT

CONSUMER = """
from collections.abc import AsyncIterator, Iterable

import pandas as pd

from churn_client import (
    AsyncChurnClient, CallFailed, ChurnClient, ChurnPrediction, CustomerRefused, IbmTelcoCustomer, Request,
    RowError, TelcoVisionCustomer, predict_churn,
)
from churn_client.testing import FakeChurnService


def one(customer: IbmTelcoCustomer, other: TelcoVisionCustomer, raw: dict[str, object]) -> float:
    reveal_type(predict_churn(customer))
    predict_churn(other, language="es", action=True)
    predict_churn(raw)
    with ChurnClient("http://x", schema=IbmTelcoCustomer, deadline=3, on_request=look) as client:
        try:
            return client.predict(customer).churn_probability
        except CustomerRefused as error:
            reveal_type(error.problems)
        except CallFailed as error:
            reveal_type(error.problem)
            print(error.request_id, error.attempts, error.elapsed)
        return 0.0


def look(request: Request) -> None:
    print(request.method)


def many(customers: Iterable[IbmTelcoCustomer], table: pd.DataFrame) -> Iterable[float]:
    client = ChurnClient(timeout=1, on_response=None)
    for result in client.predict_many(customers, start=3, progress=print):
        if isinstance(result, RowError):
            reveal_type(result.index)
        else:
            reveal_type(result)
            yield result.churn_probability
    for result in client.predict_many(table):
        reveal_type(result)
    client.predict_many([{"gender": "Female"}, *customers])


async def later(customers: AsyncIterator[IbmTelcoCustomer]) -> ChurnPrediction | None:
    async with AsyncChurnClient(retries=0) as client:
        reveal_type(await client.model())
        async for result in client.predict_many(customers):
            return result if isinstance(result, ChurnPrediction) else None
    return None


def test(service: FakeChurnService) -> None:
    reveal_type(service.client().ready())
    reveal_type(service.customers[0].customer_id)
"""
WRONG = """
from churn_client import AsyncChurnClient, ChurnClient, ChurnPrediction, Request, predict_churn

client = ChurnClient(deadline="soon")
ChurnClient(patience=3)
predict_churn(["Jane"])
predict_churn({}, language="de")
client.predict_many(7)
probability: str = predict_churn({}).churn_probability
answers: list[ChurnPrediction] = list(client.predict_many([]))
async def ask() -> ChurnPrediction:
    return AsyncChurnClient().predict({})
def hook(request: Request) -> str: ...
ChurnClient(on_request=hook)
"""
REVEALED = [
    "ChurnPrediction",
    "tuple[FieldProblem, ...]",
    "Problem | None",
    "int",
    "ChurnPrediction",
    "ChurnPrediction | RowError",
    "ModelInfo",
    "bool",
    "str",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a strict check says about both files."""
    folder = tmp_path_factory.mktemp("consumer")
    (folder / "right.py").write_text(CONSUMER, encoding="utf-8")
    (folder / "wrong.py").write_text(WRONG, encoding="utf-8")
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)], "reportUnusedCoroutine": "none"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return json.loads(done.stdout)["generalDiagnostics"]


def test_a_consumer_knows_every_result(found: list[dict[str, Any]]) -> None:
    right = [one for one in found if one["file"].endswith("right.py")]
    assert [one["message"] for one in right if one["severity"] == "error"] == []
    assert [one["message"].split('" is "')[1].strip('"') for one in right] == REVEALED


def test_a_consumer_is_told_of_every_mistake(found: list[dict[str, Any]]) -> None:
    wrong = [one for one in found if one["file"].endswith("wrong.py") and one["severity"] == "error"]
    assert {one["range"]["start"]["line"] for one in wrong} == {3, 4, 5, 6, 7, 8, 9, 11, 13}


def test_mypy_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(CONSUMER.replace("reveal_type", "print"), encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "right.py", "wrong.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    errors = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error: " in line]
    assert {file for file, _ in errors} == {"wrong.py"}, done.stdout + done.stderr
    assert {int(line) for _, line in errors} == {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}
