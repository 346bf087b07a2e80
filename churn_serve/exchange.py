"""One request and its answer, as the service sees them."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from functools import lru_cache
from types import coroutine
from typing import Any, TypeVar

from churn_serve.errors import Headers, Refusal

__all__ = ["JSON", "Disconnected", "Exchange", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

T = TypeVar("T")

JSON = b"application/json"
_REQUEST_ID = re.compile(rb"[\x20-\x7e]{1,128}")
_JSON_TYPE = re.compile(rb"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_CHARSET = re.compile(rb';\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_UTF8 = frozenset({b"utf-8", b"utf8"})


class Disconnected(Exception):
    """The caller went away before the request was complete."""


class Exchange:
    """Reads one request, gives it an id, and notes what was answered.

    Attributes:
        request_id: The caller's `X-Request-Id` if it is printable, else a new one.
        started: When it came, on the clock of `time.perf_counter`.
        status: Status of the response; 0 until it starts.
        complete: Whether all of it was sent.
        rows: Customers that were answered.
    """

    __slots__ = (
        "_headers",
        "_send",
        "complete",
        "receive",
        "request_id",
        "rows",
        "scope",
        "started",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.started = time.perf_counter()
        self.status = 0
        self.complete = False
        self.rows = 0
        # Of headers given twice, the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(list(scope["headers"])))
        given = self.header(b"x-request-id") or b""
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return self._headers.get(name)

    async def json_body(self, limit: int, seconds: float) -> bytes:
        """The whole body.

        Raises:
            Refusal: 415, it is not JSON or is compressed; 413, it has more than `limit` bytes;
                408, it was not complete after so many seconds.
            Disconnected: The caller went away.
        """
        self._check_headers(limit)
        try:
            body = await _within(seconds, self._body(limit))
        except TimeoutError:
            detail = f"The body was not complete after {seconds:g} seconds."
            raise Refusal(408, detail, headers=[(b"connection", b"close")]) from None
        if len(body) > limit:
            raise _too_large(limit)
        return body

    async def _body(self, limit: int) -> bytes:
        message = await self._next()
        body: bytes = message.get("body", b"")
        return await self._rest(body, limit) if message.get("more_body") else body

    async def _rest(self, body: bytes, limit: int) -> bytes:
        chunks, size, more = [body], len(body), True
        while more and size <= limit:
            message = await self._next()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
        return b"".join(chunks)

    async def _next(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message

    def _check_headers(self, limit: int) -> None:
        kind = self.header(b"content-type")
        if kind and not _is_json(kind):
            raise Refusal(415, "The body must be application/json in UTF-8.", headers=[(b"accept", JSON)])
        coding = self.header(b"content-encoding")
        if coding and coding.lower() != b"identity":
            raise Refusal(
                415, "The body must not be compressed.", headers=[(b"accept-encoding", b"identity")]
            )
        length = self.header(b"content-length") or b""
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)

    @property
    def head(self) -> bool:
        """Whether the caller wants the answer without its body."""
        return self.scope["method"] == "HEAD"

    async def reply(self, status: int, body: bytes, kind: bytes = JSON, headers: Headers = ()) -> None:
        """Send a complete response."""
        self.status = status
        start = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": start})
        await self._send({"type": "http.response.body", "body": b"" if self.head else body})
        self.complete = True

    async def pass_on(self, message: Message) -> None:
        """Send a message of another application, with the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = (b"x-request-id", self.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), own]}
        elif self.head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.complete = True


@lru_cache(maxsize=64)
def _is_json(kind: bytes) -> bool:
    """Whether a media type is JSON's, whose only encoding is UTF-8."""
    charsets = _CHARSET.findall(kind)
    return bool(_JSON_TYPE.match(kind)) and all(name.lower() in _UTF8 for name in charsets)


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; a timer costs a fifth of a request, so only work that has to wait gets one.

    Raises:
        TimeoutError: It took longer.
    """
    try:
        waiting = work.send(None)
    except StopIteration as done:
        return done.value
    async with asyncio.timeout(seconds):
        return await _resumed(work, waiting)


@coroutine
def _resumed(work: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """What `await work` would do, after its first step."""
    try:
        while True:
            try:
                value = yield waiting
            except BaseException as error:  # noqa: BLE001 - cancellation is for `work` to see
                waiting = work.throw(error)
            else:
                waiting = work.send(value)
    except StopIteration as done:
        return done.value


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The body must not be larger than {limit} bytes.")
