"""The client that blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from types import TracebackType
from typing import Self, TypeVar, Unpack

from churn_client._config import Options, make_config
from churn_client._core import AnyCustomer, Core, Wanted
from churn_client._errors import ClientClosed, ConnectionFailed, RowError
from churn_client._exchange import Operation, Outcome, Step, Wait
from churn_client._messages import Transport
from churn_client._rows import Customers, batches, require_customers
from churn_client._windows import window
from churn_core.schemas import ChurnPrediction, Customer, LanguageName, ModelInfo, SchemaInfo

__all__ = ["CLOSED", "ChurnClient"]

T = TypeVar("T")

CLOSED = "the client is closed: make another one"


class ChurnClient:
    """Asks a churn service; may be shared between threads, and survives a fork.

    ```python
    with ChurnClient("http://127.0.0.1:8000") as client:
        answer = client.predict(customer)
    ```

    Args:
        url: Address of the service; `CHURN_API_URL` by default.
        api_key: `CHURN_API_KEY` by default.
        schema: Class of the customers. With it they are checked before they are sent.
        transport: What carries requests, in place of HTTP.
        options: Time-outs, retries and more; see `Options`.

    Raises:
        ConfigError: No service is named, or a setting is not allowed.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        schema: type[Customer] | None = None,
        transport: Transport | None = None,
        **options: Unpack[Options],
    ) -> None:
        config = make_config(url, api_key, **options)
        self._core = Core.of(config, schema)
        self._transport: Transport = transport or _http(config.url)
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
        customers: Customers,
        *,
        explain: bool = False,
        interval: bool = False,
        action: bool = False,
        language: LanguageName = "en",
        start: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Generator[ChurnPrediction | RowError]:
        """Answers about any number of customers, in their order, without holding all of them.

        They are sent in batches of `batch_size`, `concurrency` of them at once; no more customers
        than these are taken ahead of the answers. A customer that does not fit has a `RowError` in
        place of his answer. An error of the service itself is raised, after the answers before it.

        Args:
            customers: An iterable, or a table of pandas, polars, pyarrow or another library that
                speaks the dataframe interchange or Arrow, with a column for each field.
            explain: As of `predict`; so are `interval`, `action` and `language`.
            start: Index of the customer to begin with. Those before are taken, but not sent.
            progress: Called with the index up to which all answers have been handed out: what
                `start` has to be to go on from there.

        Raises:
            NotCustomers: It is nothing to go through, or a single customer.
            ConfigError: `start` is below 0.
        """
        require_customers(customers, start, asynchronous=False)
        wanted = Wanted(explain, interval, action, language)
        return self._results(customers, wanted, start, progress)

    def _results(
        self, customers: Customers, wanted: Wanted, start: int, progress: Callable[[int], None] | None
    ) -> Generator[ChurnPrediction | RowError]:
        def ask(
            batch: tuple[int, list[AnyCustomer]], stop: threading.Event
        ) -> list[ChurnPrediction | RowError]:
            return self._run(self._core.predict_batch(*batch, wanted), stop)

        config = self._core.config
        questions = batches(customers, config.batch_size, start)
        with closing(window(questions, ask, config.concurrency)) as answers:
            for results in answers:
                yield from results
                start += len(results)
                if progress:
                    progress(start)

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

    def _run(self, operation: Operation[T], stop: threading.Event | None = None) -> T:
        outcome: Outcome = None
        try:
            while True:
                outcome = self._do(operation.send(outcome), stop)
        except StopIteration as done:
            return done.value
        finally:
            operation.close()

    def _do(self, step: Step, stop: threading.Event | None) -> Outcome:
        if isinstance(step, Wait):
            stop.wait(step.seconds) if stop else time.sleep(step.seconds)
            return None
        if self._closed or (stop and stop.is_set()):
            raise ClientClosed(CLOSED)
        try:
            return self._transport.send(step)
        except ConnectionFailed as error:
            return error


def _http(url: str) -> Transport:
    from churn_client._transport import HttpTransport  # HTTP costs more to import than all the rest

    return HttpTransport(url)
