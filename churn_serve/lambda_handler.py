"""The entry point on AWS Lambda: `churn_serve.lambda_handler.handler`.

The bundle is loaded once, when the runtime imports this module. A function that cannot load it
comes up nevertheless and answers 503 with the reason: to fail there would make Lambda start it again
for every request, until callers run into time-outs. A function without protection does fail: Lambda
is reached from outside, so keys or `CHURN_AUTH` are required.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, cast

from mangum import Mangum

from churn_core.errors import ChurnError
from churn_serve.app import create_app
from churn_serve.auth import require_protection
from churn_serve.emf import metrics_for
from churn_serve.errors import Refusal, UnknownEvent
from churn_serve.exchange import SHORTEST, Receive, Scope, Send
from churn_serve.logs import Log
from churn_serve.problems import PROBLEM_JSON, problem_body
from churn_serve.settings import Settings
from churn_serve.source import BAKED, excuse, open_model

__all__ = ["Function", "handler"]

# All others reach API Gateway as base64, which REST APIs hand to the caller as it is.
_TEXT = ["text/", "application/json", "application/problem+json"]
# What is left of an invocation for the answer to get out.
_MARGIN_S = 0.25
# How long callers are told that there is no model before it is looked for again.
_PATIENCE_S = 30.0

_SCHEDULERS = ("aws.events", "aws.scheduler")

Event = dict[str, Any]


class Function:
    """Answers events of API Gateway, function URLs and load balancers.

    Raises:
        Unprotected: Neither keys nor `CHURN_AUTH` say who may ask.
    """

    def __init__(self, settings: Settings) -> None:
        require_protection(settings, "AWS Lambda")
        self._settings = settings
        self._log = Log(sys.stdout, metrics_for(settings, on_lambda=True))
        self._service = create_app(settings=settings, log=self._log)
        # With its lifespan on, Mangum would start and stop the application for every event.
        self._mangum = Mangum(self._answer, lifespan="off", text_mime_types=_TEXT)
        # It would log paths, and errors with what they quote; the service's own log has both without.
        logging.getLogger("mangum.http").disabled = True
        self._load()

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """The entry point of an invocation.

        Raises:
            UnknownEvent: It is neither an HTTP request nor a schedule's ping.
        """
        if self._service.scorer is None and time.monotonic() > self._loaded + _PATIENCE_S:
            self._load()
        if _is_ping(event):
            return {"warm": True, "ready": self._service.scorer is not None}
        if not _is_http(event):
            raise UnknownEvent(
                "the event is no HTTP request of API Gateway, a function URL or a load balancer"
            )
        try:
            return self._mangum(event, context)
        except Exception as error:  # noqa: BLE001 - a gateway passes on what it should have refused
            self._log.failure("the event cannot be read", error)
            return _unreadable(getattr(context, "aws_request_id", ""))

    def _load(self) -> None:
        try:
            opened = open_model(self._settings.bundle or str(BAKED), self._settings)
        except ChurnError as error:
            source = excuse(error)
            self._log.event("error", "no model", note=source.note, problem=str(error))
            self._service.lack(source)
        else:
            source = opened.source
            level = "warning" if opened.problem else "info"
            self._log.event(
                level, "model", **opened.scorer.model.model_dump(), source=source.source,
                since=source.since, note=source.note, problem=opened.problem,
            )  # fmt: skip
            self._service.use(opened.scorer, source)
        self._loaded = time.monotonic()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, root = _place(scope["aws.event"], scope["path"], self._settings.base_path)
        own: dict[str, Any] = {"path": root + path, "root_path": root}
        if context := scope["aws.context"]:
            seconds = max(context.get_remaining_time_in_millis() / 1000 - _MARGIN_S, SHORTEST)
            own["churn.seconds"] = seconds
            # So that what is left behind is not worked on later; the caller's own header counts first.
            own["headers"] = [*scope["headers"], (b"x-request-timeout", b"%.3f" % seconds)]
        await self._service({**scope, **own}, receive, send)


def _place(event: Event, path: str, base: str) -> tuple[str, str]:
    """The path of a route, and the path below which a gateway publishes the routes.

    REST APIs leave their stage out of the path, HTTP APIs do not; a custom domain has a base path instead.
    """
    context = event["requestContext"]
    called = str(context.get("path") or path)
    left_out = called.removesuffix(path) if called != path and called.endswith(path) else ""
    stage = f"/{context['stage']}" if context.get("stage") and not left_out else ""
    for root in filter(None, (base, stage)):
        if path.startswith(f"{root}/"):
            return path.removeprefix(root), root
    return path, base or left_out


def _is_http(event: Any) -> bool:
    return isinstance(event, dict) and "requestContext" in event and "Records" not in event


def _is_ping(event: Any) -> bool:
    """Whether it only keeps the function warm: a schedule's event, or none at all."""
    return event == {} or (isinstance(event, dict) and cast("Event", event).get("source") in _SCHEDULERS)


def _unreadable(request_id: str) -> dict[str, Any]:
    body, kind = problem_body(Refusal(400, "The request cannot be read."), request_id), PROBLEM_JSON.decode()
    return {
        "statusCode": 400,
        "headers": {"content-type": kind},
        "multiValueHeaders": {"content-type": [kind]},  # some load balancers read these instead
        "body": body.decode(),
        "isBase64Encoded": False,
    }


handler = Function(Settings.from_environment())
