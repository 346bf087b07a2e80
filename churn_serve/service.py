"""The service as an ASGI application.

It gives each request an id, asks for a key, answers predictions itself and leaves the rest to
FastAPI (`churn_serve.api`), turns errors into problem documents, and counts and logs the outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from churn_core.bundle import Scorer
from churn_core.protocols import Sink
from churn_serve.admission import Gate
from churn_serve.auth import ApiKeys
from churn_serve.cors import Cors
from churn_serve.errors import Refusal
from churn_serve.exchange import Disconnected, Exchange, Receive, Scope, Send
from churn_serve.logs import Log
from churn_serve.metrics import Metrics
from churn_serve.predict import Predict, PredictBatch, Work
from churn_serve.problems import PROBLEM_JSON, problem_body
from churn_serve.record import Recorder
from churn_serve.settings import Settings
from churn_serve.source import GIVEN, NOTHING, Source

__all__ = ["Service"]

Endpoint = Callable[[Exchange], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# What is answered without a model, and without a key.
_OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
_OPEN_PAGES = frozenset({"/docs", "/redoc", "/openapi.json"})
_ASSETS = "/static-offline-docs/"
_MODEL_FREE = _OPEN_PATHS | {"/metrics"}
# Paths that logs and metrics name; all others are "other", since a caller can invent any number.
_ROUTES = frozenset({"/predict", "/predict/batch", "/model", "/schema"}) | _MODEL_FREE | _OPEN_PAGES

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_CLIENT_LEFT = 499
_RETRY = ((b"retry-after", b"1"),)


@dataclass(frozen=True)
class Live:
    """All that depends on the bundle in use; replaced as a whole when the bundle changes."""

    scorer: Scorer | None
    source: Source
    api: Callable[[], AsgiApp]
    endpoints: Mapping[tuple[str, str], Endpoint] = field(default_factory=dict[tuple[str, str], Endpoint])

    @cached_property
    def rest(self) -> AsgiApp:
        """Everything but predictions, built when first asked for: a cold start on Lambda needs none of it."""
        return self.api()


class Service:
    """Answers HTTP for one bundle at a time.

    Attributes:
        settings: How it behaves.
        metrics: What it has answered.
        draining: Whether it is about to stop: it still answers, but says that it is not ready.
    """

    def __init__(self, settings: Settings, sink: Sink | None = None, log: Log | None = None) -> None:
        self.settings = settings
        self._log = log or Log()
        self.metrics = Metrics()
        self.draining = False
        self._keys = ApiKeys(settings.api_key_hashes)
        self._cors = Cors(settings.cors_origins)
        self._threads = ThreadPoolExecutor(settings.threads, "answers")
        self._gates = {
            path: Gate(most, settings.max_arriving_bytes, settings.wait_seconds)
            for path, most in (("/predict", settings.max_requests), ("/predict/batch", settings.max_batches))
        }
        self._recorder = Recorder(sink, self._log) if sink else None
        self.lack(NOTHING)

    @property
    def scorer(self) -> Scorer | None:
        return self._live.scorer

    def lack(self, source: Source) -> None:
        """Say from the next request on that there is no model, and why."""
        self._live = Live(None, source, self._builder(None, source))

    def use(self, scorer: Scorer, source: Source = GIVEN) -> None:
        """Answer from `scorer` from the next request on."""
        works = {
            path: Work(scorer, self.settings, gate, self._threads, self._recorder)
            for path, gate in self._gates.items()
        }
        endpoints: dict[tuple[str, str], Endpoint] = {
            ("POST", "/predict"): Predict(works["/predict"]),
            ("POST", "/predict/batch"): PredictBatch(works["/predict/batch"]),
        }
        self._live = Live(scorer, source, self._builder(scorer, source), endpoints)

    def warm(self) -> None:
        """Build now what would delay the first request for anything but a prediction."""
        _ = self._live.rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(Exchange(scope, receive, send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "not supported"})

    async def _http(self, exchange: Exchange) -> None:
        try:
            await self._answer_in_time(exchange)
        except Refusal as refusal:
            await _refuse(exchange, refusal)
        except Disconnected:
            exchange.status = _CLIENT_LEFT
        except Exception as error:
            self._log.failure("the service failed", error, exchange.request_id)
            if exchange.complete:
                return
            if exchange.status:
                raise  # the server has to cut the response that was begun
            await _refuse(exchange, Refusal(500, "The service failed; the request was not the reason."))
        finally:
            self._note(exchange)

    async def _answer_in_time(self, exchange: Exchange) -> None:
        seconds = exchange.scope.get("churn.seconds")
        if seconds is None:
            return await self._answer(exchange)
        try:
            async with asyncio.timeout(seconds):
                return await self._answer(exchange)
        except TimeoutError:
            detail = "The time that this request was given is over; smaller batches take less."
            raise Refusal(503, detail, headers=_RETRY) from None

    async def _answer(self, exchange: Exchange) -> None:
        path = _path(exchange.scope)
        live = self._live
        if self._cors and await self._preflight(exchange):
            return
        if self._keys and not _is_open(path):
            self._keys.check(exchange.header(b"x-api-key"), path)
        endpoint = live.endpoints.get((exchange.scope["method"], path))
        if endpoint:
            await endpoint(exchange)
        elif live.scorer is None and path not in _MODEL_FREE:
            raise Refusal(503, live.source.note, headers=_RETRY)
        elif self.draining and path == "/health/ready":
            raise Refusal(503, "The service is about to stop.", headers=_RETRY)
        else:
            scope = {**exchange.scope, "churn.exchange": exchange}
            if exchange.head:  # FastAPI's routes know GET alone; `pass_on` leaves the body out
                scope["method"] = "GET"
            await live.rest(scope, exchange.receive, exchange.pass_on)

    async def _preflight(self, exchange: Exchange) -> bool:
        """Let pages of known origins read the answer; whether the request only asked for that."""
        origin = exchange.header(b"origin")
        exchange.shared = self._cors.headers(origin)
        if exchange.scope["method"] != "OPTIONS" or not exchange.header(b"access-control-request-method"):
            return False
        headers = self._cors.preflight(origin)
        if headers:
            await exchange.reply(200, b"", b"text/plain", headers)
        return bool(headers)

    def _note(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        path = _path(exchange.scope)
        route = path if path in _ROUTES else "other"
        method = exchange.scope["method"] if exchange.scope["method"] in _METHODS else "other"
        self.metrics.observe(method, route, exchange.status, seconds, exchange.rows)
        scorer = self._live.scorer
        self._log.request(
            exchange.request_id,
            method,
            route,
            exchange.status,
            seconds,
            exchange.rows,
            model=scorer.model.digest if scorer else "",
            ids=exchange.customers,
        )

    def _builder(self, scorer: Scorer | None, source: Source) -> Callable[[], AsgiApp]:
        def build() -> AsgiApp:
            from churn_serve.api import build_api

            return build_api(scorer, source, self.settings, self.metrics)

        return build


def _path(scope: Scope) -> str:
    """The path below the one at which the service is published."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path in _OPEN_PAGES or path.startswith(_ASSETS)


async def _refuse(exchange: Exchange, refusal: Refusal) -> None:
    body = problem_body(refusal, exchange.request_id)
    await exchange.reply(refusal.status, body, PROBLEM_JSON, refusal.headers)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Nothing to start or stop, but servers ask."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
