"""Customers who wait at the same moment: one call of the model, and nobody notices the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from churn_core.bundle import Scorer
from churn_core.schemas import ChurnPrediction, Customer
from churn_serve import create_app
from churn_serve.together import Together
from churn_serve.wanted import Wanted

PLAIN = Wanted(explain=False)


class Counting:
    """A scorer that notes how many customers it is asked about at once, and dislikes some."""

    def __init__(self, scorer: Scorer, disliked: str = "") -> None:
        self._scorer = scorer
        self._disliked = disliked
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)

    def predict_many(self, customers: Sequence[Customer], **asked: Any) -> list[ChurnPrediction]:
        self.asked.append(len(customers))
        if any(customer.customer_id == self._disliked for customer in customers):
            raise RuntimeError("a defect")
        return self._scorer.predict_many(customers, **asked)


@pytest.fixture
def customers(scorer: Scorer, customer: dict[str, Any]) -> list[Customer]:
    changes = [{"customer_id": f"C-{n}", "tenure_months": n + 1} for n in range(8)]
    return [scorer.customer_class.parse({**customer, **change}) for change in changes]


def _together(scorer: object) -> Together:
    return Together(scorer)  # type: ignore[arg-type]


def test_who_waits_at_the_same_moment_is_answered_by_one_call(
    scorer: Scorer, customers: list[Customer]
) -> None:
    counting = Counting(scorer)

    async def ask() -> list[ChurnPrediction]:
        together = _together(counting)
        first = await asyncio.gather(*(together(one, Wanted()) for one in customers))
        return [*first, await together(customers[0], Wanted())]

    answers = asyncio.run(ask())
    assert counting.asked == [8, 1]
    # The same bits as alone.
    assert answers == [scorer.predict(one) for one in [*customers, customers[0]]]


def test_different_wants_are_different_calls(scorer: Scorer, customers: list[Customer]) -> None:
    counting = Counting(scorer)

    async def ask() -> list[ChurnPrediction]:
        together = _together(counting)
        wants = [PLAIN, Wanted(), Wanted(language="es"), PLAIN]
        return await asyncio.gather(*map(together, customers, wants))

    answers = asyncio.run(ask())
    assert counting.asked == [2, 1, 1]
    assert [bool(answer.reasons) for answer in answers] == [False, True, True, False]
    assert answers[2].reasons == scorer.predict(customers[2], language="es").reasons


def test_one_failure_is_nobody_elses(scorer: Scorer, customers: list[Customer]) -> None:
    async def ask() -> list[ChurnPrediction | BaseException]:
        together = _together(Counting(scorer, disliked="C-3"))
        waiting = [together(one, PLAIN) for one in customers]
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = asyncio.run(ask())
    assert isinstance(answers.pop(3), RuntimeError)
    assert answers == [scorer.predict(one, explain=False) for one in customers if one.customer_id != "C-3"]


def test_who_leaves_disturbs_nobody(scorer: Scorer, customers: list[Customer]) -> None:
    async def ask() -> list[ChurnPrediction]:
        together = _together(scorer)
        leaving, *staying = [together(one, PLAIN) for one in customers]
        leaving.cancel()
        return await asyncio.gather(*staying)

    assert len(asyncio.run(ask())) == len(customers) - 1


def test_a_loop_that_ended_early_leaves_nothing_behind(scorer: Scorer, customers: list[Customer]) -> None:
    together = _together(scorer)

    async def leave() -> None:
        together(customers[0], PLAIN)

    async def ask() -> ChurnPrediction:
        return await asyncio.wait_for(together(customers[1], PLAIN), 5)

    loop = asyncio.new_event_loop()
    loop.call_soon(loop.stop)
    task = loop.create_task(leave())  # asks, and the loop ends before the answer
    loop.run_forever()
    loop.close()
    assert task.done()
    assert asyncio.run(ask()).customer_id == "C-1"


@pytest.mark.parametrize("query", ["explain=false", "action=true"])
def test_callers_get_their_own_answers(scorer: Scorer, customers: list[Customer], query: str) -> None:
    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(scorer))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            bodies = [one.model_dump() for one in customers]
            return await asyncio.gather(*(client.post(f"/predict?{query}", json=body) for body in bodies))

    answers = [response.json() for response in asyncio.run(ask())]
    assert [answer["customer_id"] for answer in answers] == [one.customer_id for one in customers]
    assert len({answer["request_id"] for answer in answers}) == len(customers)
