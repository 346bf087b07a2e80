"""A server on the loopback that answers right, and then does to the answer what networks do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import NamedTuple

from churn_client import Request, Response

__all__ = ["Fault", "FaultyServer", "faults", "faulty", "raw", "stall", "status"]


class Link(NamedTuple):
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


Fault = Callable[[Link, bytes], Awaitable[None]]
Respond = Callable[[Request], Response]
_HTML = b"<html>Jane Doe</html>"


@dataclass
class FaultyServer:
    """What clients of a faulty server cannot see.

    Attributes:
        plan: The fault for each request, in order; without one, answers are right.
        requests: How many arrived.
        open: Connections that the client has not closed yet.
        distance: Seconds that an answer is under way.
    """

    respond: Respond
    url: str = ""
    plan: Callable[[], Fault | None] = lambda: None
    requests: list[Request] = field(default_factory=list)
    open: int = 0
    distance: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.open += 1
        try:
            while request := await _request(reader):
                self.requests.append(request)
                answer = raw(self.respond(request))
                await asyncio.sleep(self.distance)
                await (self.plan() or _right)(Link(reader, writer), answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


@contextmanager
def faulty(respond: Respond) -> Iterator[FaultyServer]:
    """A faulty server in a thread of its own."""
    server = FaultyServer(respond)
    loop = asyncio.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop.run_until_complete(asyncio.start_server(server.serve, sock=listener))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(_stop, loop)
        thread.join(10)
        loop.close()
        listener.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    done = asyncio.gather(*tasks, return_exceptions=True)
    done.add_done_callback(lambda _: loop.call_later(0.01, loop.stop))


def raw(response: Response) -> bytes:
    """A response as it travels, with the digest of its body."""
    digest = base64.b64encode(hashlib.sha256(response.content).digest()).decode()
    headers = {
        **response.headers,
        "content-length": str(len(response.content)),
        "content-digest": f"sha-256=:{digest}:",
    }
    lines = [
        f"HTTP/1.1 {response.status} X",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + response.content


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, path, _ = head.split(" ", 2)
    headers = {name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*?)\r$", head, re.MULTILINE)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, content, headers)


# --- faults


def faults(chance: random.Random, length: int, seconds: float) -> Fault:
    """A fault by chance.

    Args:
        length: About how long answers are.
        seconds: How long slow ones take.
    """
    at = chance.randrange(length)
    kinds: list[Fault] = [
        _right,
        partial(_reset, at=at),
        partial(_close, at=at),
        partial(stall, at=at),
        partial(_drip, pause=seconds / length),
        partial(_garbled, chance=chance),
        partial(_shifted, at=at),
        _twice,
        partial(_instead, head="200 OK\r\ncontent-type: text/html"),
        partial(_instead, head="204 No Content"),
        partial(
            _instead, head=chance.choice(["301 X", "302 X", "307 X", "308 X"]) + "\r\nlocation: /predict"
        ),
        partial(_instead, head=f"{chance.choice([400, 404, 408, 413, 415, 500, 501, 502, 503, 504, 599])} X"),
        partial(_instead, head=f"429 X\r\nretry-after: {chance.choice(_waits())}"),
        partial(_instead, head="\x00\xff"),
    ]
    return chance.choice(kinds)


def _waits() -> list[str]:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    return ["0", "1", "999999", soon, "soon", "-1"]


async def _right(link: Link, answer: bytes) -> None:
    link.writer.write(answer)


async def _reset(link: Link, answer: bytes, at: int) -> None:
    await _close(link, answer, at, linger=True)


async def _close(link: Link, answer: bytes, at: int, *, linger: bool = False) -> None:
    link.writer.write(answer[:at])
    await link.writer.drain()
    if linger:
        option = struct.pack("ii", 1, 0)
        link.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
    raise ConnectionResetError


async def stall(link: Link, answer: bytes, at: int) -> None:
    """Say nothing more from some byte on, until the client goes."""
    link.writer.write(answer[:at])
    await link.writer.drain()
    await link.reader.read()
    raise ConnectionResetError


def status(code: int) -> Fault:
    """Another status than 200, without an explanation."""
    return partial(_instead, head=f"{code} X")


async def _drip(link: Link, answer: bytes, pause: float) -> None:
    for start in range(0, len(answer), 8):
        link.writer.write(answer[start : start + 8])
        await link.writer.drain()
        await asyncio.sleep(8 * pause)


async def _garbled(link: Link, answer: bytes, chance: random.Random) -> None:
    head, mark, body = answer.partition(b"\r\n\r\n")
    changed = bytearray(body)
    for _ in range(3):
        changed[chance.randrange(len(changed))] = chance.choice(b'0123456789abc{}"\xff')
    link.writer.write(head + mark + changed)


async def _shifted(link: Link, answer: bytes, at: int) -> None:
    link.writer.write(answer[:at] + answer[at + 1 :])
    await link.writer.drain()
    raise ConnectionResetError


async def _twice(link: Link, answer: bytes) -> None:
    link.writer.write(answer + answer)


async def _instead(link: Link, answer: bytes, head: str) -> None:
    body = b"" if head.startswith("204") else _HTML
    link.writer.write(f"HTTP/1.1 {head}\r\ncontent-length: {len(body)}\r\n\r\n".encode("latin-1") + body)
