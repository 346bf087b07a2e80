"""One customer, every door: library, service alone and among others, batch, Arrow. The same bits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.bundle import Scorer, read_bundle
from churn_core.schemas import Customer, IbmTelcoCustomer, TelcoVisionCustomer
from churn_core.testing import customers
from churn_serve import create_app
from tests.serve.test_wanted import BAND
from tests.support.bundles import logistic_bundle
from tests.support.schemas import RailCustomer

# Weights without round numbers, so that sums differ in their last bits where their order does.
WEIGHTS: dict[type[Customer], dict[str, float]] = {
    IbmTelcoCustomer: {"tenure_months": -0.0317, "monthly_charges": 0.00713, "contract=Two year": -1.1},
    TelcoVisionCustomer: {"age": 0.00931, "total_charges": -0.000173, "contract_type=Two year": -0.97},
    RailCustomer: {"spent": -0.000713, "trips": 1.7e-10, "lounge": 0.311, "klass=10": 0.7},
}
WANTED = st.fixed_dictionaries(
    {
        "explain": st.booleans(),
        "interval": st.booleans(),
        "action": st.booleans(),
        "language": st.sampled_from(["en", "es"]),
    }
)


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> list[Scorer]:
    return [_scorer(tmp_path_factory.mktemp("bundle"), cls) for cls in WEIGHTS]


def _scorer(folder: Path, cls: type[Customer]) -> Scorer:
    return Scorer(read_bundle(logistic_bundle(folder, cls.spec, WEIGHTS[cls], 0.0137, band=BAND).folder))


@given(data=st.data(), wanted=WANTED)
def test_all_doors_lead_to_the_same_bits(scorers: list[Scorer], data: st.DataObject, wanted: Any) -> None:
    scorer = data.draw(st.sampled_from(scorers))
    rows = data.draw(st.lists(customers(scorer.customer_class), min_size=1, max_size=8))
    single = [scorer.predict(row, **wanted) for row in rows]
    assert scorer.predict_many(rows, **wanted) == single
    expected = [_plain(answer.model_dump(mode="json")) for answer in single]
    alone, together, batch = asyncio.run(_ask(scorer, rows, wanted))
    assert alone == expected[0]
    assert together == expected
    assert batch == expected
    arrow = scorer.score_arrow(pa.Table.from_pylist([row.model_dump() for row in rows]))
    assert arrow["churn_probability"].to_pylist() == [answer["churn_probability"] for answer in expected]


async def _ask(scorer: Scorer, rows: list[Customer], wanted: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The first alone, all at the same moment, and all in one batch. JSON holds every bit of a number."""
    transport = httpx.ASGITransport(create_app(scorer))
    bodies = [row.model_dump() for row in rows]
    async with httpx.AsyncClient(transport=transport, base_url="http://service", params=wanted) as client:
        alone = await client.post("/predict", json=bodies[0])
        together = await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))
        batch = await client.post("/predict/batch", json={"customers": bodies})
    answers = [_plain(one.json()) for one in together]
    return _plain(alone.json()), answers, [_plain(one) for one in batch.json()["predictions"]]


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """What is the same in each request; no reasons are an empty list, or left out."""
    return {name: value for name, value in answer.items() if name != "request_id" and value != []}
