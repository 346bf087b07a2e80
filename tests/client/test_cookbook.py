"""The programs of docs/client-cookbook.md run as they are printed, and do what the page says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from churn_client import ConnectionFailed
from churn_client.testing import FakeChurnService
from churn_core.schemas import IbmTelcoCustomer
from tests.support.imports import ROOT

PAGE = (ROOT / "docs/client-cookbook.md").read_text(encoding="utf-8")
ONE = IbmTelcoCustomer.spec.example()

Cook = Callable[[str], dict[str, Any]]
Ask = Callable[[dict[str, Any]], Awaitable[httpx.Response]]


@pytest.fixture
def service() -> Iterator[FakeChurnService]:
    with FakeChurnService(probability=0.9) as service:
        yield service


@pytest.fixture
def cook(service: FakeChurnService) -> Cook:
    """Runs the program under a heading of the page; gives its names."""

    def run(heading: str) -> dict[str, Any]:
        code = re.search(rf"^## {heading}\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
        assert code
        names: dict[str, Any] = {"__name__": "recipe"}
        exec(compile(code[1], heading, "exec", dont_inherit=True), names)
        return names

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """1,200 customers; the third has no contract that exists."""
    rows = [{**ONE, "customer_id": f"C-{number}"} for number in range(1200)]
    rows[2]["contract"] = "Weekly"
    path = tmp_path / "customers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_program_is_tested_here() -> None:
    headings = re.findall(r"^## (.*)\n", PAGE, re.MULTILINE)
    assert headings == ["A FastAPI service", "A job over a file", "A task that is tried again", "A notebook"]
    assert PAGE.count("```python") == len(headings)


def test_a_service_goes_on_without_advice(cook: Cook, service: FakeChurnService) -> None:
    async def visit(ask: Ask) -> None:
        assert (await ask(ONE)).json()["because"] == "HIGH"
        assert (await ask({**ONE, "gender": "X"})).status_code == 422
        service.delay(1, 1)
        assert (await ask(ONE)).json()["because"].startswith("no advice for request")
        service.reachable = False
        for _ in range(5):
            assert (await ask(ONE)).json()["say"] is None
        asked = len(service.requests)
        assert (await ask(ONE)).json()["say"] is None
        assert len(service.requests) == asked

    asyncio.run(_visited(cook("A FastAPI service")["app"], visit))


async def _visited(app: FastAPI, visit: Callable[[Ask], Awaitable[None]]) -> None:
    """Start an application, ask it as `visit` says, and end it."""
    async with app.router.lifespan_context(app) as state:

        async def started(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(started), base_url="http://page") as page:
            await visit(lambda body: page.post("/advice", json=body))


def test_a_job_writes_answers_and_refusals(cook: Cook, source: Path, tmp_path: Path) -> None:
    answers, refused = tmp_path / "answers", tmp_path / "refused"
    assert cook("A job over a file")["score"](source, answers, refused) == 1
    assert [row["customer_id"] for row in lines(answers)] == [f"C-{n}" for n in range(1200) if n != 2]
    assert [row["line"] for row in lines(refused)] == [3]
    assert "contract: is not in the vocabulary" in lines(refused)[0]["why"][0]


def test_a_task_goes_on_where_it_stopped(
    cook: Cook, service: FakeChurnService, source: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("CHURN_CONCURRENCY", "1")
    task, target = cook("A task that is tried again")["score_task"], tmp_path / "answers"

    def probability(customer: IbmTelcoCustomer) -> float:
        number = int(customer.customer_id[2:])
        service.reachable = number != 999  # gone after the second batch
        return number / 1200

    service.probability = probability
    with pytest.raises(ConnectionFailed):
        task(source, target)
    assert len(lines(target)) == 1000
    target.write_text(target.read_text() + '{"churn_pro', encoding="utf-8")
    service.probability = lambda customer: int(customer.customer_id[2:]) / 1200
    service.customers.clear()
    service.reachable = True
    task(source, target)
    assert len(service.customers) == 200
    expected = [None if n == 2 else n / 1200 for n in range(1200)]
    assert [row["churn_probability"] for row in lines(target)] == expected


def test_a_notebook_shows_everybody(cook: Cook, capsys: pytest.CaptureFixture[str]) -> None:
    frame = cook("A notebook")["frame"]
    assert frame["churn"].tolist()[0] == 0.9
    printed = capsys.readouterr().out
    assert "contract: is not in the vocabulary" in printed
    assert "C-0001" in printed.splitlines()[1]
