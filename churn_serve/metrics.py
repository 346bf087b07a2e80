"""Counters and latencies in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from churn_core.schemas import ModelRef

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one process has answered since it started.

    The service writes them in its event loop only, so they need no locks.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._customers: Counter[str] = Counter()
        self._turned_away: Counter[int] = Counter()

    def observe(self, method: str, route: str, status: int, seconds: float, customers: int) -> None:
        """Count one request; `route` is a known path, never a caller's text."""
        self._requests[method, route, status] += 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(_BOUNDS) + 1)
        buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[route] += seconds  # type: ignore[assignment] # counters add floats as well
        if customers:
            self._customers[route] += customers

    def turn_away(self, status: int) -> None:
        """Count a connection that was refused before there was a request."""
        self._turned_away[status] += 1

    def render(self, model: ModelRef | None) -> str:
        """All of it as text."""
        return "\n".join([*self._counters(), *self._histogram(), *_model(model), ""])

    def _counters(self) -> Iterator[str]:
        yield "# HELP churn_requests_total Requests answered."
        yield "# TYPE churn_requests_total counter"
        for (method, route, status), count in sorted(self._requests.items()):
            labels = _labels(method=method, route=route, status=str(status))
            yield f"churn_requests_total{labels} {count}"
        yield "# HELP churn_customers_total Customers answered."
        yield "# TYPE churn_customers_total counter"
        for route, count in sorted(self._customers.items()):
            yield f"churn_customers_total{_labels(route=route)} {count}"
        yield "# HELP churn_connections_refused_total Connections refused before there was a request."
        yield "# TYPE churn_connections_refused_total counter"
        for status, count in sorted(self._turned_away.items()):
            yield f"churn_connections_refused_total{_labels(status=str(status))} {count}"

    def _histogram(self) -> Iterator[str]:
        name = "churn_request_seconds"
        yield f"# HELP {name} Time from a request to its answer."
        yield f"# TYPE {name} histogram"
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                yield f"{name}_bucket{_labels(route=route, le=bound)} {total}"
            yield f"{name}_sum{_labels(route=route)} {self._seconds[route]}"
            yield f"{name}_count{_labels(route=route)} {total}"


def _model(model: ModelRef | None) -> Iterator[str]:
    yield "# HELP churn_model_info The model that answers."
    yield "# TYPE churn_model_info gauge"
    if model:
        yield f"churn_model_info{_labels(**model.model_dump())} 1"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
