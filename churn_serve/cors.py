"""Pages of other origins that may call the service: none, unless configured."""

from __future__ import annotations

from collections.abc import Iterable

from churn_serve.errors import Headers

__all__ = ["Cors"]

_VARY = (b"vary", b"origin")
_EXPOSED = (b"access-control-expose-headers", b"x-request-id, retry-after")
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"content-type, x-api-key, x-request-id, x-request-timeout"),
    (b"access-control-max-age", b"600"),
)


class Cors:
    """Headers for callers from a few exact origins; no cookies are ever involved."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._known = {
            origin.encode(): (_VARY, (b"access-control-allow-origin", origin.encode())) for origin in origins
        }

    def __bool__(self) -> bool:
        return bool(self._known)

    def headers(self, origin: bytes | None) -> Headers:
        """What lets a page of that origin read an answer."""
        known = self._known.get(origin or b"")
        return (*known, _EXPOSED) if known else (_VARY,)

    def preflight(self, origin: bytes | None) -> Headers:
        """What lets a page of that origin send a request."""
        return _PREFLIGHT if origin in self._known else ()
