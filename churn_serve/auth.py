"""Who may ask: API keys, of which the service knows only the hashes."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable

from churn_serve.errors import Unprotected
from churn_serve.settings import Settings

__all__ = ["ApiKeys", "is_loopback", "require_protection"]


class ApiKeys:
    """Accepts keys by their SHA-256.

    Keys are long random strings, not passwords: a fast hash is enough, since there is nothing to guess.
    """

    def __init__(self, hashes: Iterable[str]) -> None:
        self._hashes = tuple(bytes.fromhex(text) for text in hashes)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def accept(self, key: bytes | None) -> bool:
        """Whether `key` is known; takes as long for any wrong key, and for any right one."""
        found = hashlib.sha256(key or b"").digest()
        known = False
        for wanted in self._hashes:
            known |= hmac.compare_digest(found, wanted)
        return known and key is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_protection(settings: Settings, host: str) -> None:
    """Let a service that others can reach start only if someone decided who may ask.

    Raises:
        Unprotected: It has no keys, and `CHURN_AUTH` does not say that it needs none.
    """
    if settings.auth == "key" and not settings.api_key_hashes and not is_loopback(host):
        raise Unprotected(
            f"listening on {host} without API keys is refused: set CHURN_API_KEY_HASHES, "
            "or say CHURN_AUTH=iam (AWS checks callers) or CHURN_AUTH=none (anyone may call)"
        )
