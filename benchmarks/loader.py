"""Callers over HTTP/1.1 who cost as little as Python allows."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Answer", "Arrivals", "closed_loop", "open_loop", "post"]

_HEAD = re.compile(rb"HTTP/1\.1 (\d+).*?content-length: *(\d+)", re.IGNORECASE | re.DOTALL)
_TICK_S = 0.001
_MOST = 800  # connections at once, as a gateway would hold them


class Answer(NamedTuple):
    """How one caller fared.

    Attributes:
        at: When he asked, in seconds since the start.
        status: Of his answer; 0 where the connection broke.
        seconds: From when he asked.
    """

    at: float
    status: int
    seconds: float


def post(path: str, body: bytes) -> bytes:
    """A request, as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One caller at a time."""

    def __init__(self, answered: Callable[[_Connection, int, float], None]) -> None:
        self._answered = answered
        self._buffer = b""
        self._asked = 0.0
        self._waiting = False
        self._early = 0  # status of an answer before the question

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes, asked: float = 0.0) -> None:
        self._waiting, self._asked = True, asked or time.perf_counter()
        if self.transport.is_closing():  # refused at once
            self.connection_lost(None)
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        found = _HEAD.match(head)
        if mark and found and len(body) >= int(found[2]):
            self._buffer, self._early = b"", 0 if self._waiting else int(found[1])
            if self._waiting:
                self._waiting = False
                self._answered(self, int(found[1]), self._asked)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self._answered(self, self._early, self._asked)


async def closed_loop(port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    """Callers who ask again as soon as they are answered; the seconds that each answer took."""
    times: list[float] = []
    ends = time.perf_counter() + seconds
    left, done = connections, asyncio.Event()

    def answered(connection: _Connection, status: int, asked: float) -> None:
        nonlocal left
        assert status == 200, status
        now = time.perf_counter()
        times.append(now - asked)
        if now < ends:
            connection.ask(request)
            return
        connection.transport.close()
        left -= 1
        if not left:
            done.set()

    for connection in [await _connect(port, answered) for _ in range(connections)]:
        connection.ask(request)
    await done.wait()
    return times


@dataclass
class Arrivals:
    """What became of callers who came at their own time.

    Attributes:
        unsent: Who found all connections waiting; a gateway would let them wait, or send them away.
    """

    answers: list[Answer] = field(default_factory=list[Answer])
    unsent: int = 0


async def open_loop(port: int, request: bytes, rate: float, seconds: float) -> Arrivals:
    """Callers who come at random, `rate` in a second, whatever became of those before them."""
    callers = _Callers(port, request)
    between = random.Random(0)
    due = callers.started
    while due < callers.started + seconds:
        while due <= time.perf_counter():
            callers.come(due)
            due += between.expovariate(rate)
        await asyncio.sleep(_TICK_S)
    await callers.leave()
    return callers.found


class _Callers:
    """Use a connection that is free, or open another one."""

    def __init__(self, port: int, request: bytes) -> None:
        self.found = Arrivals()
        self.started = time.perf_counter()
        self._port = port
        self._request = request
        self._idle: list[_Connection] = []
        self._busy: set[object] = set()

    def come(self, due: float) -> None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                self._busy.add(connection)
                connection.ask(self._request, due)
                return
        if len(self._busy) < _MOST:
            task = asyncio.ensure_future(self._open(due))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        else:
            self.found.unsent += 1

    async def leave(self) -> None:
        async with asyncio.timeout(60):
            while self._busy:
                await asyncio.sleep(0.05)
        for connection in self._idle:
            connection.transport.close()

    async def _open(self, due: float) -> None:
        try:
            connection = await _connect(self._port, self._answered)
        except OSError:
            self._note(due, 0)
        else:
            self._busy.add(connection)
            connection.ask(self._request, due)

    def _answered(self, connection: _Connection, status: int, asked: float) -> None:
        self._busy.discard(connection)
        self._note(asked, status)
        if status:
            self._idle.append(connection)

    def _note(self, asked: float, status: int) -> None:
        self.found.answers.append(Answer(asked - self.started, status, time.perf_counter() - asked))


async def _connect(port: int, answered: Callable[[_Connection, int, float], None]) -> _Connection:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _Connection(answered), "127.0.0.1", port)
    return protocol
