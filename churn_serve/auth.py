"""Who may ask: API keys, of which the service knows only the hashes."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable

from churn_serve.errors import Refusal, Unprotected
from churn_serve.settings import Settings

__all__ = ["ApiKeys", "is_loopback", "require_protection"]


_CHALLENGE = ((b"www-authenticate", b'ApiKey header="X-API-Key"'),)
# Which scope a path asks for; all others are content with any known key.
_SCOPES = {"/predict": "predict", "/predict/batch": "predict", "/metrics": "admin"}


class ApiKeys:
    """Knows keys by their SHA-256, and what each may do.

    Keys are long random strings, not passwords: a fast hash is enough, since there is nothing to guess.

    Args:
        entries: Hashes in hex, each alone or with scopes, as in `HASH:predict+admin`. A hash alone
            may ask for predictions.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        split = [entry.partition(":") for entry in entries]
        self._known = tuple(
            (bytes.fromhex(text), frozenset((scopes or "predict").split("+"))) for text, _, scopes in split
        )

    def __bool__(self) -> bool:
        return bool(self._known)

    def scopes(self, key: bytes | None) -> frozenset[str] | None:
        """What `key` may do, `None` if it is unknown; takes as long for any key, wrong or right."""
        found = hashlib.sha256(key or b"").digest()
        scopes = None
        for wanted, given in self._known:
            if hmac.compare_digest(found, wanted):
                scopes = given if scopes is None else scopes | given
        return scopes if key is not None else None

    def check(self, key: bytes | None, path: str) -> None:
        """Let only those go on who may.

        Raises:
            Refusal: 401, the key is missing or unknown; 403, it may not do this.
        """
        scopes = self.scopes(key)
        if scopes is None:
            raise Refusal(401, "The header X-API-Key is missing or unknown.", headers=_CHALLENGE)
        scope = _SCOPES.get(path)
        if scope and scope not in scopes:
            raise Refusal(403, f"This API key lacks the scope '{scope}'.")


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
