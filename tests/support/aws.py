"""AWS as moto has it, with functions that answer: moto runs no code, so the real handler does it here."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3  # type: ignore[import-untyped]
from botocore.awsrequest import AWSResponse  # type: ignore[import-untyped]

from churn_serve.deploy import Aws, DeployError
from churn_serve.settings import Settings

# Calls that change something, or let the function run.
_CHANGES = ("create", "update", "publish_version", "tag", "invoke")

__all__ = ["ROLE", "FaultyAws", "Killed", "QuickClock", "faults", "image", "session"]

ROLE = "arn:aws:iam::123456789012:role/churn"


class Killed(BaseException):
    """The process ended here."""


class QuickClock:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def image(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn@sha256:{digest}"


class _Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def session(bundle: Path) -> Any:
    """A session of boto3 whose functions answer from `bundle`."""
    made: Any = boto3.Session(region_name="eu-west-1")
    with patch.dict(os.environ, {"CHURN_AUTH": "none", "CHURN_BUNDLE": str(bundle)}):
        from churn_serve.lambda_handler import Function  # makes a function of its own when it is imported
    function = Function(Settings(bundle=str(bundle), auth="none", metrics="off"))

    def invoke(params: dict[str, Any], **_: Any) -> Any:
        answer = function(json.loads(params["body"]), _Context())
        done = AWSResponse(params["url"], 200, {}, io.BytesIO())
        return done, {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    made.events.register("before-call.lambda.Invoke", invoke)
    return made


class FaultyAws(Aws):
    """Counts its calls, and fails at one of them, before or after it had its effect.

    Attributes:
        done: Names of the calls so far.
    """

    def __init__(
        self, real: Aws, at: int = -1, *, after: bool = False, fault: BaseException | None = None
    ) -> None:
        vars(self).update(vars(real))
        self._at, self._after = at, after
        self._fault = fault or DeployError("AWS does not answer")
        self.done = list[str]()

    def call(self, method: str, **arguments: Any) -> Any:
        return self._maybe(method, lambda: super(FaultyAws, self).call(method, **arguments))

    def find(self, method: str, **arguments: Any) -> Any:
        return self._maybe(method, lambda: super(FaultyAws, self).find(method, **arguments))

    def metrics(self, method: str, **arguments: Any) -> Any:
        return self._maybe(method, lambda: super(FaultyAws, self).metrics(method, **arguments))

    def pages(self, method: str, key: str, **arguments: Any) -> list[Any]:
        return self._maybe(method, lambda: super(FaultyAws, self).pages(method, key, **arguments))

    def wait(self, state: str, **arguments: Any) -> None:
        return self._maybe(state, lambda: super(FaultyAws, self).wait(state, **arguments))

    def _maybe(self, name: str, call: Callable[[], Any]) -> Any:
        self.done.append(name)
        # A process that was killed makes no further call.
        now = len(self.done) - 1 == self._at
        dead = isinstance(self._fault, Killed) and self._at >= 0 and len(self.done) - 1 > self._at
        if dead or (now and not self._after):
            raise self._fault
        answer = call()
        if now:
            raise self._fault
        return answer


def faults(calls: Sequence[str]) -> Iterator[tuple[int, bool, BaseException]]:
    """Every way in which one of these calls can go wrong; those that change nothing have no aftermath."""
    for at, name in enumerate(calls):
        yield at, False, DeployError("AWS does not answer")
        if name.startswith(_CHANGES):
            yield at, True, DeployError("AWS does not answer")
            yield at, False, Killed()
            yield at, True, Killed()
