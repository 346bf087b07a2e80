"""What a connection may do before there is a request: uvicorn's protocol with limits.

uvicorn waits for the head of a request as long as it takes, keeps as much of it as comes, and takes
any number of connections. Behind a gateway that is the gateway's to prevent; alone it is ours.

It also makes a timer for each answer, and each answer of two messages; here a connection has one
timer, and an answer that is complete is sent as a whole. Both are a twentieth of a prediction.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from churn_serve.errors import Headers, Refusal
from churn_serve.joined import JoinedTransport
from churn_serve.metrics import Metrics
from churn_serve.problems import PROBLEM_JSON, problem_body
from churn_serve.settings import Settings

__all__ = ["LimitedProtocol"]

# Chunks of one byte need eight more each.
_FRAMING = 9
# Requests that one connection may send without waiting for answers.
_AHEAD = 16
# How long a refused caller has to stop talking and read why.
_LINGER = 1.0


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Between two requests nothing is due; from its first byte on, the head of a request has to be
    complete in time. Work on a request stops the clock.
    """

    def __init__(self, settings: Settings, metrics: Metrics, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings
        self._metrics = metrics
        self._chunk = 0  # bytes that are being read
        self._size = 0  # of this request, as it came
        self._body = 0  # bytes of its body
        self._refusal: Refusal | None = None
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._answered = 0.0  # when the last answer was complete, on the loop's clock

    @property
    def working(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self.cycle and not self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = JoinedTransport(transport)
        super().connection_made(self._joined)
        self._await_head()
        if len(self.connections) > self._settings.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stalled, self._idle):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal:
            return
        self._chunk = len(data)
        self._size += self._chunk
        super().data_received(data)
        if self._size > self._settings.max_header_bytes + _FRAMING * self._body and not self._refusal:
            self._refuse(self._too_long())
        elif not self._late and not self.working:
            self._await_head()

    def on_message_begin(self) -> None:
        self._size = 0 if self.working else self._chunk  # other requests may come before it
        self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None
        if self._chunk > self._settings.max_header_bytes:
            self._check_head()
        if len(self.pipeline) >= _AHEAD:
            self._refusal = Refusal(429, f"More than {_AHEAD} requests were sent ahead.")
            raise self._refusal
        super().on_headers_complete()
        if self.cycle and self.cycle.scope is self.scope:
            self.cycle.scope["churn.whole"] = partial(self._send_whole, self.cycle)  # type: ignore[typeddict-unknown-key]

    def on_response_complete(self) -> None:
        self._joined.flush()  # answers to HEAD have no body
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._answered = self.loop.time()
        if not self._idle:
            self._idle = self.loop.call_later(self._settings.idle_seconds, self._look_if_idle)

    def _look_if_idle(self) -> None:
        """Hang up on who has not asked for anything since the last answer, or say when to look again."""
        self._idle = None
        if self.working or self._late:  # a request is under way, and has limits of its own
            return
        left = self._answered + self._settings.idle_seconds - self.loop.time()
        if left > 0:
            self._idle = self.loop.call_later(left, self._look_if_idle)
        elif not self.transport.is_closing():
            self.transport.close()

    def _send_whole(self, cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
        """Send an answer that is complete; `False` where that has to wait, as ASGI's `send` does."""
        if cycle.disconnected or cycle.response_started or self.flow.write_paused:
            return False
        lines = [b"%b: %b\r\n" % line for line in (*self.server_state.default_headers, *headers)]
        if (b"connection", b"close") in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._settings.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; uvicorn calls this where its parser fails, or a method called by it."""
        self._refuse(self._refusal or Refusal(400, "The request is not valid HTTP."))

    def _check_head(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._settings.max_header_bytes:
            self._refusal = self._too_long()
            raise self._refusal

    def _too_long(self) -> Refusal:
        return Refusal(
            431, f"The head of a request must not be larger than {self._settings.max_header_bytes} bytes."
        )

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self._settings.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._late = None
        if not self.working:
            seconds = self._settings.head_seconds
            self._refuse(Refusal(408, f"The request was not complete after {seconds:g} seconds."))

    def _make_room(self) -> None:
        """Close a connection that has no request in work, or else this one."""
        for other in cast("set[LimitedProtocol]", self.connections):
            if other is not self and not other.working:
                self.connections.discard(other)
                other.transport.close()
                return
        self._refuse(Refusal(503, "The service has too many connections.", headers=[(b"retry-after", b"1")]))

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, and hang up once the caller had time to read it; requests before are answered first."""
        self._refusal = refusal
        if self.transport.is_closing():
            return
        self._metrics.turn_away(refusal.status)
        if self.pipeline or (self.working and not self.cycle.more_body):
            self.cycle.keep_alive = False
            return
        if self.working:  # the rest of this request will not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        request_id = os.urandom(16).hex()
        body = problem_body(refusal, request_id)
        headers = [
            *self.server_state.default_headers,
            *refusal.headers,
            (b"content-type", PROBLEM_JSON),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[refusal.status] + lines + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)
