"""Many customers at once: in order, in little memory, from where one stopped."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from itertools import count, islice
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from churn_client import (
    ChurnPrediction,
    ConfigError,
    ConnectionFailed,
    IbmTelcoCustomer,
    NotCustomers,
    RowError,
)
from churn_client._messages import Request, Response
from churn_client.testing import FakeChurnService


def _customers(customer: IbmTelcoCustomer) -> Iterator[IbmTelcoCustomer]:
    for number in count():
        yield customer.model_copy(update={"customer_id": f"C-{number}"})


def _ids(results: list[ChurnPrediction | RowError]) -> list[str]:
    return [result.customer_id for result in results if isinstance(result, ChurnPrediction)]


class _Slow(FakeChurnService):
    """Answers batches after a while, later ones sooner, and knows how many it had at once."""

    def __init__(self, seconds: float = 0.02) -> None:
        super().__init__()
        self.most = 0
        self._now = 0
        self._seconds = seconds
        self._counting = threading.Lock()

    def handle(self, request: Request) -> Response:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        threading.Event().wait(self._seconds / (1 + len(self.requests) % 4))
        with self._counting:
            self._now -= 1
            return super().handle(request)


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_order_is_kept_however_answers_come(customer: IbmTelcoCustomer, concurrency: int) -> None:
    service = _Slow()
    client = service.client(batch_size=3, concurrency=concurrency)
    results = list(client.predict_many(islice(_customers(customer), 50)))
    assert _ids(results) == [f"C-{number}" for number in range(50)]
    assert service.most == concurrency


def test_tasks_keep_order_too(customer: IbmTelcoCustomer) -> None:
    async def ask() -> list[ChurnPrediction | RowError]:
        client = FakeChurnService().async_client(batch_size=3, concurrency=4)
        return [one async for one in client.predict_many(islice(_customers(customer), 50))]

    assert _ids(asyncio.run(ask())) == [f"C-{number}" for number in range(50)]


@pytest.mark.parametrize("start", [0, 1, 6, 7, 20, 30])
def test_one_can_go_on_from_where_one_was(customer: IbmTelcoCustomer, start: int) -> None:
    async def several() -> AsyncIterator[Any]:
        for row in rows:
            yield row

    async def ask(source: Any) -> list[ChurnPrediction | RowError]:
        client = FakeChurnService().async_client(batch_size=3)
        return [one async for one in client.predict_many(source, start=start)]

    rows: list[Any] = list(islice(_customers(customer), 20))
    rows[7] = {}
    expected = [f"C-{number}" for number in range(start, 20) if number != 7]
    lists = [
        list(FakeChurnService().client(batch_size=3).predict_many(rows, start=start)),
        asyncio.run(ask(rows)),
        asyncio.run(ask(several())),
    ]
    for results in lists:
        assert _ids(results) == expected
        assert [one.index for one in results if isinstance(one, RowError)] == [7] * (start <= 7)


def test_nobody_begins_before_the_first() -> None:
    service = FakeChurnService()
    for client in (service.client(), service.async_client()):
        with pytest.raises(ConfigError, match="start: must be 0 or more"):
            client.predict_many([], start=-1)


def test_progress_is_where_to_go_on(customer: IbmTelcoCustomer) -> None:
    done: list[int] = []
    service = FakeChurnService()
    client = service.client(batch_size=4, concurrency=1, retries=0)
    rows = list(islice(_customers(customer), 15))
    results: list[ChurnPrediction | RowError] = []
    source = client.predict_many(rows, start=2, progress=done.append)
    results += islice(source, 8)
    service.fail(0)
    with pytest.raises(ConnectionFailed):
        next(source)
    assert done == [6, 10]
    results += client.predict_many(rows, start=done[-1], progress=done.append)
    assert done == [6, 10, 14, 15]
    assert _ids(results) == [f"C-{number}" for number in range(2, 15)]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_source_that_breaks_off_is_told_after_the_answers(
    customer: IbmTelcoCustomer, concurrency: int
) -> None:
    def broken() -> Iterator[IbmTelcoCustomer]:
        yield from islice(_customers(customer), 7)
        raise OSError("the disk is gone")

    async def ask() -> None:
        client = FakeChurnService().async_client(batch_size=3, concurrency=concurrency)
        async for _ in client.predict_many(broken(), progress=later.append):
            pass

    done, later = list[int](), list[int]()
    client = FakeChurnService().client(batch_size=3, concurrency=concurrency)
    with pytest.raises(OSError, match="the disk is gone"):
        list(client.predict_many(broken(), progress=done.append))
    with pytest.raises(OSError, match="the disk is gone"):
        asyncio.run(ask())
    assert done == later == [3, 6]


def test_progress_of_tasks(customer: IbmTelcoCustomer) -> None:
    async def ask() -> None:
        client = FakeChurnService().async_client(batch_size=4)
        source = client.predict_many(islice(_customers(customer), 10), progress=done.append)
        assert len([one async for one in source]) == 10

    done: list[int] = []
    asyncio.run(ask())
    assert done == [4, 8, 10]


def test_stopping_early_leaves_no_thread_and_asks_no_more(customer: IbmTelcoCustomer) -> None:
    before = threading.active_count()
    service = _Slow(0.05)
    source = service.client(batch_size=2, concurrency=3).predict_many(_customers(customer))
    assert len(list(islice(source, 3))) == 3
    source.close()
    assert threading.active_count() == before
    assert len(service.requests) <= 5


class _BusyAfterOne(FakeChurnService):
    """Answers one request; those that follow are to come back much later."""

    def handle(self, request: Request) -> Response:
        if self.requests:
            self.fail(503, retry_after=20)
        return super().handle(request)


def test_stopping_early_ends_pauses_between_attempts(customer: IbmTelcoCustomer) -> None:
    source = _BusyAfterOne().client(batch_size=1, concurrency=2).predict_many(_customers(customer))
    assert next(source)
    started = time.monotonic()
    source.close()
    assert time.monotonic() - started < 10


def test_stopping_early_leaves_no_task(customer: IbmTelcoCustomer) -> None:
    async def ask() -> None:
        async with FakeChurnService().async_client(batch_size=1) as client:
            source = client.predict_many(_customers(customer))
            assert isinstance(await anext(source), ChurnPrediction)
            await source.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(ask())


# --- tables


class _Columns:
    """A table that only speaks the dataframe interchange."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> Any:
        frame: Any = self._frame
        return frame.__dataframe__(nan_as_null, allow_copy)


class _Stream:
    """A table that only speaks Arrow."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


class _Polars:
    """A table that gives its rows as polars does."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> Any:
        raise AssertionError("its rows are at hand")

    def iter_rows(self, *, named: bool) -> Iterator[Mapping[str, Any]]:
        assert named
        return iter(self._rows)


KINDS: list[Callable[[list[dict[str, Any]]], Any]] = [
    pd.DataFrame,
    pa.Table.from_pylist,
    _Polars,
    lambda rows: _Columns(pd.DataFrame(rows)),
    lambda rows: _Stream(pa.Table.from_pylist(rows)),
]


@pytest.mark.parametrize("make", KINDS, ids=["pandas", "pyarrow", "polars", "interchange", "arrow"])
def test_tables_are_read_row_by_row(
    customer: IbmTelcoCustomer, make: Callable[[list[dict[str, Any]]], Any]
) -> None:
    async def ask() -> list[ChurnPrediction | RowError]:
        client = FakeChurnService().async_client()
        return [one async for one in client.predict_many(make(rows), start=1)]

    rows = [one.model_dump() for one in islice(_customers(customer), 2050)]
    rows[3]["gender"] = "X"
    service = FakeChurnService()
    results = list(service.client(concurrency=1).predict_many(make(rows)))
    (wrong,) = (one for one in results if isinstance(one, RowError))
    assert (wrong.index, wrong.problems[0].field) == (3, "gender")
    assert service.customers == [IbmTelcoCustomer.parse(row) for row in rows if row["gender"] != "X"]
    assert len(asyncio.run(ask())) == 2049


def test_a_gap_in_a_table_is_a_row_error(customer: IbmTelcoCustomer) -> None:
    frame = pd.DataFrame([customer.model_dump()] * 3)
    frame.loc[1, ["gender", "monthly_charges"]] = None
    results = list(FakeChurnService().client().predict_many(frame))
    assert [one.index for one in results if isinstance(one, RowError)] == [1]


def test_a_strange_table_needs_pyarrow(customer: IbmTelcoCustomer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.interchange", None)
    table = _Columns(pd.DataFrame([customer.model_dump()]))
    with pytest.raises(NotCustomers, match="to read a _Columns, predict_many needs pyarrow"):
        list(FakeChurnService().client().predict_many(table))
