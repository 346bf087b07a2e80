"""Sockets that keep to a moment: in place of seconds, their time-outs are times of `time.monotonic`.

A time-out of so many seconds for each operation starts anew with each byte that arrives. A moment does not.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from typing import Any

import httpcore

__all__ = ["PunctualBackend", "is_loopback"]

_PIECE = 16_384  # bytes that a socket takes at once, or nearly so


class PunctualBackend(httpcore.NetworkBackend):
    """Opens sockets that keep to a moment."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)

        def connect() -> httpcore.NetworkStream:
            return self._plain.connect_tcp(host, port, left, local_address, socket_options)

        # Looking a name up has no time-out, and each address that is found has one of its own.
        return _Stream(connect() if _address(host) else _in_time(connect, left))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def is_loopback(host: str) -> bool:
    """Whether that is this very machine."""
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _left(ends: float | None, late: type[httpcore.TimeoutException]) -> float:
    """Seconds until a moment.

    Raises:
        TimeoutException: It is over, in the kind `late`.
    """
    left = (ends or 0.0) - time.monotonic()
    if left <= 0:
        raise late("the time is over")
    return left


def _in_time(connect: Callable[[], httpcore.NetworkStream], seconds: float) -> httpcore.NetworkStream:
    """Connect in a thread; what it opens too late, it closes."""
    future: Future[httpcore.NetworkStream] = Future()
    Thread(target=_settle, args=(future, connect), daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.cancel():
            raise httpcore.ConnectTimeout("the time is over") from None
    return future.result()


def _settle(future: Future[httpcore.NetworkStream], connect: Callable[[], httpcore.NetworkStream]) -> None:
    stream, failure = None, None
    try:
        stream = connect()
    except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
        failure = error
    if not future.set_running_or_notify_cancel():
        if stream:
            stream.close()
    elif stream:
        future.set_result(stream)
    else:
        future.set_exception(failure)
