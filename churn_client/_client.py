"""The client in its two forms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

from churn_client._config import Config, make_config
from churn_client._core import (
    CLOSED,
    AnyCustomer,
    Core,
    Operation,
    Outcome,
    Step,
    Wait,
    Wanted,
    require_customers,
)
from churn_client._errors import ClientClosed, ConnectionFailed, RowError
from churn_client._messages import AsyncTransport, Transport
from churn_core.schemas import ChurnPrediction, Customer, LanguageName, ModelInfo, SchemaInfo

__all__ = ["AsyncChurnClient", "ChurnClient"]

T = TypeVar("T")


class ChurnClient:
    """Asks a churn service; may be shared between threads.

    ```python
    with ChurnClient("http://127.0.0.1:8000") as client:
        answer = client.predict(customer)
    ```

    Args:
        url: Address of the service; `CHURN_API_URL` by default.
        api_key: `CHURN_API_KEY` by default.
        schema: Class of the customers. With it they are checked before they are sent.
        timeout: Seconds that one attempt may take.
        deadline: Seconds that one call may take with all its attempts.
        retries: Most attempts after the first, where the service is out of reach or busy.
        batch_size: Customers that `predict_many` sends at once.
        transport: What carries requests, in place of HTTP.

    Raises:
        ConfigError: No service is named, or a setting is not allowed.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        schema: type[Customer] | None = None,
        timeout: float = 10.0,
        deadline: float = 30.0,
        retries: int = 3,
        batch_size: int = 500,
        transport: Transport | None = None,
    ) -> None:
        config = make_config(
            url, api_key, timeout=timeout, deadline=deadline, retries=retries, batch_size=batch_size
        )
        self._core = Core(config, schema)
        self._transport: Transport = transport or _http(config)
        self._closed = False

    def predict(
        self,
        customer: AnyCustomer,
        *,
        explain: bool = True,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
    ) -> ChurnPrediction:
        """The answer about one customer.

        Args:
            explain: Whether to give the strongest reasons.
            interval: Whether to say how sure the probability is.
            action: Whether to say what could keep the customer.
            language: Of the texts of reasons and action.

        Raises:
            InvalidCustomer: The customer does not fit the schema.
            ConnectionFailed: The service cannot be reached.
            StatusError: It refused or failed.
        """
        return self._run(self._core.predict(customer, Wanted(explain, interval, action, language)))

    def predict_many(
        self,
        customers: Iterable[AnyCustomer],
        *,
        explain: bool = False,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
    ) -> Iterator[ChurnPrediction | RowError]:
        """Answers about any number of customers, in their order, without holding all of them.

        A customer that does not fit has a `RowError` in place of his answer. An error of the
        service itself is raised, after the answers before it. Arguments are those of `predict`.

        Raises:
            NotCustomers: It is nothing to go through, or a single customer.
        """
        require_customers(customers, asynchronous=False)
        return self._results(iter(customers), Wanted(explain, interval, action, language))

    def _results(self, rows: Iterator[AnyCustomer], wanted: Wanted) -> Iterator[ChurnPrediction | RowError]:
        first = 0
        while batch := list(islice(rows, self._core.config.batch_size)):
            yield from self._run(self._core.predict_batch(first, batch, wanted))
            first += len(batch)

    def model(self) -> ModelInfo:
        """Which model answers."""
        return self._run(self._core.model())

    def schema(self) -> SchemaInfo:
        """Which customers the service answers."""
        return self._run(self._core.customer_schema())

    def ready(self) -> bool:
        """Whether the service is reached and has a model."""
        return self._run(self._core.ready())

    def close(self) -> None:
        """Close all connections; the client asks nothing any more."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, operation: Operation[T]) -> T:
        outcome: Outcome = None
        try:
            while True:
                outcome = self._do(operation.send(outcome))
        except StopIteration as done:
            return done.value

    def _do(self, step: Step) -> Outcome:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        if self._closed:
            raise ClientClosed(CLOSED)
        try:
            return self._transport.send(step)
        except ConnectionFailed as error:
            return error


class AsyncChurnClient:
    """Asks a churn service without blocking; for one event loop. Settings as of `ChurnClient`."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        schema: type[Customer] | None = None,
        timeout: float = 10.0,
        deadline: float = 30.0,
        retries: int = 3,
        batch_size: int = 500,
        transport: AsyncTransport | None = None,
    ) -> None:
        config = make_config(
            url, api_key, timeout=timeout, deadline=deadline, retries=retries, batch_size=batch_size
        )
        self._core = Core(config, schema)
        self._transport: AsyncTransport = transport or _async_http(config)
        self._closed = False

    async def predict(
        self,
        customer: AnyCustomer,
        *,
        explain: bool = True,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
    ) -> ChurnPrediction:
        """The answer about one customer; see `ChurnClient.predict`."""
        return await self._run(self._core.predict(customer, Wanted(explain, interval, action, language)))

    def predict_many(
        self,
        customers: Iterable[AnyCustomer] | AsyncIterable[AnyCustomer],
        *,
        explain: bool = False,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
    ) -> AsyncIterator[ChurnPrediction | RowError]:
        """Answers about any number of customers; see `ChurnClient.predict_many`."""
        require_customers(customers, asynchronous=True)
        return self._results(customers, Wanted(explain, interval, action, language))

    async def _results(
        self, customers: Iterable[AnyCustomer] | AsyncIterable[AnyCustomer], wanted: Wanted
    ) -> AsyncIterator[ChurnPrediction | RowError]:
        first = 0
        async for batch in _batches(customers, self._core.config.batch_size):
            for result in await self._run(self._core.predict_batch(first, batch, wanted)):
                yield result
            first += len(batch)

    async def model(self) -> ModelInfo:
        """Which model answers."""
        return await self._run(self._core.model())

    async def schema(self) -> SchemaInfo:
        """Which customers the service answers."""
        return await self._run(self._core.customer_schema())

    async def ready(self) -> bool:
        """Whether the service is reached and has a model."""
        return await self._run(self._core.ready())

    async def close(self) -> None:
        """Close all connections; the client asks nothing any more."""
        self._closed = True
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, operation: Operation[T]) -> T:
        outcome: Outcome = None
        try:
            while True:
                outcome = await self._do(operation.send(outcome))
        except StopIteration as done:
            return done.value

    async def _do(self, step: Step) -> Outcome:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        if self._closed:
            raise ClientClosed(CLOSED)
        try:
            return await self._transport.send(step)
        except ConnectionFailed as error:
            return error


def _http(config: Config) -> Transport:
    from churn_client._transport import HttpTransport  # httpx costs more to import than all the rest

    return HttpTransport(config.url)


def _async_http(config: Config) -> AsyncTransport:
    from churn_client._transport import AsyncHttpTransport

    return AsyncHttpTransport(config.url)


async def _batches(
    customers: Iterable[AnyCustomer] | AsyncIterable[AnyCustomer], size: int
) -> AsyncIterator[list[AnyCustomer]]:
    if not isinstance(customers, AsyncIterable):
        rows = iter(customers)
        while batch := list(islice(rows, size)):
            yield batch
        return
    batch: list[AnyCustomer] = []
    async for customer in customers:
        batch.append(customer)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
