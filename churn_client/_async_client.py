"""The client that does not block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar, Unpack

from churn_client._client import CLOSED
from churn_client._config import Options, make_config
from churn_client._core import AnyCustomer, Core, Wanted
from churn_client._errors import ClientClosed, ConnectionFailed, RowError
from churn_client._exchange import Operation, Outcome, Step, Wait
from churn_client._messages import AsyncTransport
from churn_client._rows import AsyncCustomers, async_batches, require_customers
from churn_client._windows import async_window
from churn_core.schemas import ChurnPrediction, Customer, LanguageName, ModelInfo, SchemaInfo

__all__ = ["AsyncChurnClient"]

T = TypeVar("T")


class AsyncChurnClient:
    """Asks a churn service without blocking; for one event loop. Settings as of `ChurnClient`."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        schema: type[Customer] | None = None,
        transport: AsyncTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        config = make_config(url, api_key, **options)
        self._core = Core.of(config, schema)
        self._transport: AsyncTransport = transport or _http(config.url)
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
        customers: AsyncCustomers,
        *,
        explain: bool = False,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
        start: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[ChurnPrediction | RowError]:
        """Answers about any number of customers; see `ChurnClient.predict_many`.

        Who stops before the end calls `aclose` on the iterator, or leaves it to the event loop.
        """
        require_customers(customers, start, asynchronous=True)
        return self._results(customers, Wanted(explain, interval, action, language), start, progress)

    async def _results(
        self, customers: AsyncCustomers, wanted: Wanted, start: int, progress: Callable[[int], None] | None
    ) -> AsyncGenerator[ChurnPrediction | RowError]:
        async def ask(batch: tuple[int, list[AnyCustomer]]) -> list[ChurnPrediction | RowError]:
            return await self._run(self._core.predict_batch(*batch, wanted))

        config = self._core.config
        questions = async_batches(customers, config.batch_size, start)
        async with aclosing(questions), aclosing(async_window(questions, ask, config.concurrency)) as answers:
            async for results in answers:
                for result in results:
                    yield result
                start += len(results)
                if progress:
                    progress(start)

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
        finally:
            operation.close()

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


def _http(url: str) -> AsyncTransport:
    from churn_client._transport import AsyncHttpTransport

    return AsyncHttpTransport(url)
