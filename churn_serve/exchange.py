"""One request and its answer, as the service sees them."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from binascii import b2a_base64
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping, Sequence
from functools import lru_cache
from hashlib import sha256
from types import coroutine
from typing import Any, TypeVar

from churn_core.schemas.wire import ProblemField
from churn_serve.admission import Gate
from churn_serve.errors import Headers, Refusal

__all__ = ["JSON", "LONGEST", "SHORTEST", "Disconnected", "Exchange", "Message", "Receive", "Scope", "Send"]

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
_SECONDS = re.compile(rb"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
SHORTEST, LONGEST = 0.001, 3600.0
_NO_TIMEOUT = ProblemField(
    field="X-Request-Timeout", message="is not allowed", allowed=f"seconds from {SHORTEST:g} to {LONGEST:g}"
)
# No guessing of types, and no copies of what is said about customers.
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
# Nobody may show pages in a frame; `churn_serve.pages` has stricter words for documentation.
_FRAMELESS = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


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
        customers: Their ids, hashed, where the log wants them.
        shared: Headers of the response whatever it is.
    """

    __slots__ = (
        "_headers",
        "_send",
        "complete",
        "customers",
        "receive",
        "request_id",
        "rows",
        "scope",
        "shared",
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
        self.customers: Sequence[str] = ()
        self.shared: Headers = ()
        # Of headers given twice, the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(list(scope["headers"])))
        given = self.header(b"x-request-id") or b""
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return self._headers.get(name)

    def deadline(self) -> float:
        """When the caller stops waiting, by `X-Request-Timeout`, on the clock of `time.perf_counter`.

        Raises:
            Refusal: 400, the header is not a number of seconds.
        """
        given = self._headers.get(b"x-request-timeout")
        if given is None:
            return math.inf
        seconds = float(given) if _SECONDS.fullmatch(given) else 0.0
        if not SHORTEST <= seconds <= LONGEST:
            raise Refusal(400, "The header X-Request-Timeout is not allowed.", (_NO_TIMEOUT,))
        return self.started + seconds

    async def json_body(self, limit: int, seconds: float, gate: Gate) -> bytes:
        """The whole body.

        Raises:
            Refusal: 415, it is not JSON or is compressed; 413, it has more than `limit` bytes;
                408, it was not complete after so many seconds; 429, `gate` has no room for it.
            Disconnected: The caller went away.
        """
        self._check_headers(limit)
        try:
            body = await _within(seconds, self._body(limit, gate))
        except TimeoutError:
            detail = f"The body was not complete after {seconds:g} seconds."
            raise Refusal(408, detail, headers=[(b"connection", b"close")]) from None
        if len(body) > limit:
            raise _too_large(limit)
        return body

    async def _body(self, limit: int, gate: Gate) -> bytes:
        message = await self._next()
        body: bytes = message.get("body", b"")
        return await self._rest(body, limit, gate) if message.get("more_body") else body

    async def _rest(self, begin: bytes, limit: int, gate: Gate) -> bytes:
        body, more = bytearray(), True
        chunk = begin
        try:
            while True:
                body += chunk
                gate.arrive(len(chunk))
                if not more or len(body) > limit:
                    return bytes(body)
                message = await self._next()
                chunk, more = message.get("body", b""), message.get("more_body", False)
        finally:
            gate.forget(len(body))

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
        if length.isdigit() and (len(length) > 18 or int(length) > limit):
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
            (b"content-digest", b"sha-256=:%b:" % b2a_base64(sha256(body).digest(), newline=False)),
            *_SAFE,
            *headers,
            *self.shared,
        ]
        sent = b"" if self.head else body
        whole: Callable[[int, Headers, bytes], bool] | None = self.scope.get("churn.whole")
        if whole is None or not whole(status, start, sent):
            await self._send({"type": "http.response.start", "status": status, "headers": start})
            await self._send({"type": "http.response.body", "body": sent})
        self.complete = True

    async def pass_on(self, message: Message) -> None:
        """Send a message of another application, with the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message.get("headers", ())
            names = {name for name, _ in given}
            own = ((b"x-request-id", self.request_id.encode()), *_SAFE, _FRAMELESS, *self.shared)
            message = {**message, "headers": [*given, *(one for one in own if one[0] not in names)]}
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
