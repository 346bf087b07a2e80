"""Customers from whatever holds many of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Protocol

from churn_client._core import AnyCustomer
from churn_client._errors import ConfigError, NotCustomers
from churn_core.schemas import Customer

__all__ = ["AsyncCustomers", "Customers", "Frame", "async_batches", "batches", "require_customers"]

_ROWS = 1000  # of a frame that are Python objects at once


class DataFrame(Protocol):
    """A table that other libraries can read, as of pandas, through the dataframe interchange."""

    def __dataframe__(self, nan_as_null: bool = ..., allow_copy: bool = ...) -> Any: ...


class ArrowTable(Protocol):
    """A table that other libraries can read, as of polars or pyarrow, as a stream of Arrow."""

    def __arrow_c_stream__(self, requested_schema: Any = ...) -> Any: ...


Frame = DataFrame | ArrowTable
Customers = Iterable[AnyCustomer] | Frame
AsyncCustomers = AsyncIterable[AnyCustomer] | Customers


def require_customers(customers: object, start: int, *, asynchronous: bool) -> None:
    """Refuse what Python could go through, though its parts are no customers.

    Raises:
        NotCustomers: It is a text, one customer, or nothing to go through.
        ConfigError: It is to begin before the first.
    """
    if start < 0:
        raise ConfigError("start: must be 0 or more")
    single = isinstance(customers, str | bytes | bytearray | Mapping | Customer)
    many = isinstance(customers, Iterable) or (asynchronous and isinstance(customers, AsyncIterable))
    if single or not (many or _is_frame(customers)):  # pyright: ignore[reportUnknownArgumentType]
        kind = type(customers).__name__  # type: ignore[misc]
        hint = "; ask `predict` about one" if isinstance(customers, Mapping | Customer) else ""
        raise NotCustomers(f"predict_many needs an iterable of customers, not {kind}{hint}")


def batches(customers: Customers, size: int, start: int) -> Iterator[tuple[int, list[AnyCustomer]]]:
    """The customers from index `start` on, some at a time, each time with the index of the first."""
    rows = islice(_rows(customers), start, None)
    while batch := list(islice(rows, size)):
        yield start, batch
        start += len(batch)


async def async_batches(
    customers: AsyncCustomers, size: int, start: int
) -> AsyncGenerator[tuple[int, list[AnyCustomer]]]:
    """The same for what may be asynchronous."""
    if not isinstance(customers, AsyncIterable):
        for first, batch in batches(customers, size, start):
            yield first, batch
        return
    skipped, batch = 0, list[AnyCustomer]()
    async for customer in customers:
        if skipped < start:
            skipped += 1
            continue
        batch.append(customer)
        if len(batch) == size:
            yield start, batch
            start, skipped, batch = start + size, start + size, []
    if batch:
        yield start, batch


def _is_frame(customers: object) -> bool:
    kind = type(customers)
    return hasattr(kind, "__dataframe__") or hasattr(kind, "__arrow_c_stream__")


def _rows(customers: Customers) -> Iterator[AnyCustomer]:
    many: Any = customers
    return _frame_rows(many) if _is_frame(many) else iter(many)


def _frame_rows(frame: Any) -> Iterator[dict[str, Any]]:
    """Rows of a table as values of Python, without holding all of them."""
    if hasattr(frame, "iter_rows"):  # polars
        yield from frame.iter_rows(named=True)
    elif hasattr(frame, "iloc"):  # pandas
        for first in range(0, len(frame), _ROWS):
            yield from frame.iloc[first : first + _ROWS].to_dict("records")
    else:
        for batch in _arrow_batches(frame):
            for first in range(0, len(batch), _ROWS):
                yield from batch.slice(first, _ROWS).to_pylist()


def _arrow_batches(frame: Any) -> Iterable[Any]:
    try:
        interchange: Any = import_module("pyarrow.interchange")
    except ModuleNotFoundError:
        kind = type(frame).__name__
        raise NotCustomers(f"to read a {kind}, predict_many needs pyarrow, or its rows as mappings") from None
    if hasattr(frame, "__arrow_c_stream__"):
        return import_module("pyarrow").RecordBatchReader.from_stream(frame)
    return interchange.from_dataframe(frame).to_batches()
