"""A transport that sends the head of a response together with its body.

uvicorn writes them one after the other, and each costs a system call, which is a tenth of a prediction.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["JoinedTransport"]


class JoinedTransport(asyncio.Transport):
    """Holds back a head until something follows it, or until `flush`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.is_closing = transport.is_closing
        self.can_write_eof = transport.can_write_eof
        self.abort = transport.abort

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        elif isinstance(data, bytes) and data.endswith(b"\r\n\r\n") and data.startswith(_FINAL):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send what was held back: nothing follows it."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        self.flush()
        self._transport.close()


# 100 Continue is no head of a response.
_FINAL = tuple(b"HTTP/1.1 %d" % hundreds for hundreds in (2, 3, 4, 5))
