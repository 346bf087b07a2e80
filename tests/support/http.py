"""Requests to an ASGI application in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

__all__ = ["Caller"]


class Caller:
    """Sends requests to an application, one at a time and without a network."""

    def __init__(self, app: Any, **headers: str) -> None:
        self._app = app
        self._headers = headers

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send(method, path, options))

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=self._headers
        ) as client:
            return await client.request(method, path, **options)
