"""Looks at a version that has part of the traffic, and says whether it may have more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from churn_serve.deploy.aws import Aws
from churn_serve.deploy.wanted import Wanted

__all__ = ["Clock", "Seen", "WallClock", "watch"]

_EVERY_SECONDS = 30.0


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Seen:
    """What a version did since a step began.

    Attributes:
        failed: Requests that ended with an error of the function or a status from 500.
        problem: Why it must not have more traffic; empty where nothing speaks against it.
    """

    requests: int
    failed: int
    problem: str = ""


def watch(aws: Aws, wanted: Wanted, new: str, old: str, model: str, clock: Clock) -> Seen:
    """Watch the new version for `wanted.watch_seconds`; a problem ends it at once."""
    began = clock.now()
    ends = began + timedelta(seconds=wanted.watch_seconds)
    while True:
        seen = _look(aws, wanted, new, old, model, began, clock.now())
        if seen.problem or clock.now() >= ends:
            return seen
        clock.sleep(min(_EVERY_SECONDS, max((ends - clock.now()).total_seconds(), 0.0)))


def _look(aws: Aws, wanted: Wanted, new: str, old: str, model: str, began: datetime, now: datetime) -> Seen:
    if ringing := _ringing(aws, wanted.alarms):
        return Seen(0, 0, f"the alarm {ringing} rings")
    requests = _sum(aws, wanted, "Invocations", new, began, now)
    # Of the function itself, and of the service inside it, which answers errors instead of raising them.
    failed = _sum(aws, wanted, "Errors", new, began, now) + _own_errors(aws, model, began, now)
    # One failure among few is no rate yet.
    if failed > max(wanted.max_error_rate * max(requests, wanted.min_requests), 0):
        return Seen(requests, failed, f"{failed} of {requests} requests failed")
    if requests >= wanted.min_requests:
        mine, theirs = (_mean_duration(aws, wanted, version, began, now) for version in (new, old))
        if mine and theirs and mine > wanted.max_slowdown * theirs:
            return Seen(requests, failed, f"requests take {mine:.0f} ms instead of {theirs:.0f} ms")
    return Seen(requests, failed)


def _ringing(aws: Aws, alarms: tuple[str, ...]) -> str:
    if not alarms:
        return ""
    found = aws.metrics("describe_alarms", AlarmNames=list(alarms), StateValue="ALARM")
    return next((str(alarm["AlarmName"]) for alarm in found.get("MetricAlarms", [])), "")


def _sum(aws: Aws, wanted: Wanted, metric: str, version: str, began: datetime, now: datetime) -> int:
    return round(sum(_points(aws, "AWS/Lambda", metric, "Sum", _of(wanted, version), began, now)))


def _own_errors(aws: Aws, model: str, began: datetime, now: datetime) -> int:
    return round(sum(_points(aws, "Churn", "Errors", "Sum", {"Model": model[:12]}, began, now)))


def _mean_duration(aws: Aws, wanted: Wanted, version: str, began: datetime, now: datetime) -> float:
    points = _points(aws, "AWS/Lambda", "Duration", "Average", _of(wanted, version), began, now)
    return sum(points) / len(points) if points else 0.0


def _of(wanted: Wanted, version: str) -> dict[str, str]:
    resource = f"{wanted.function}:{wanted.alias}"
    return {"FunctionName": wanted.function, "Resource": resource, "ExecutedVersion": version}


def _points(
    aws: Aws,
    namespace: str,
    metric: str,
    statistic: str,
    dimensions: dict[str, str],
    began: datetime,
    now: datetime,
) -> list[float]:
    found = aws.metrics(
        "get_metric_statistics",
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=began - timedelta(seconds=began.second, microseconds=began.microsecond),
        EndTime=now + timedelta(seconds=60),
        Period=60,
        Statistics=[statistic],
    )
    return [float(point[statistic]) for point in found["Datapoints"]]
