"""What was answered, for monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from churn_core.protocols import Sink
from churn_core.schemas import ChurnPrediction, Customer
from churn_serve.logs import Log

__all__ = ["Recorder"]


class Recorder:
    """Hands answers to a sink, after they were sent; a failing sink never costs an answer."""

    def __init__(self, sink: Sink, log: Log) -> None:
        self._sink = sink
        self._log = log

    def record(self, customers: Sequence[Customer], answers: Sequence[ChurnPrediction]) -> None:
        """Pass on who was asked about and what was answered, one record for each."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        records = [
            {
                "time": time,
                "request_id": answer.request_id,
                "digest": answer.model.digest,
                "customer": customer.model_dump(),
                "churn_probability": answer.churn_probability,
                "churn_prediction": answer.churn_prediction,
            }
            for customer, answer in zip(customers, answers, strict=True)
        ]
        try:
            self._sink.write(records)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            request_id = answers[0].request_id if answers else ""
            self._log.failure("the sink failed", error, request_id)
