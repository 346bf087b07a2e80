"""Seals: when a verdict was given, and by whom.

A verdict has no time in it; its seal has, and where a signing key is at hand it carries an
Ed25519 signature over the verdict's digest and that time. The verdict names candidate, champion,
policy and customers by their digests, so that the signature covers all of them.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, Field, ValidationError

from churn_core.errors import GateRefused
from churn_core.gate import Verdict
from churn_core.schemas.rules import Frozen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "KEY_FILE_VARIABLE",
    "KEY_VARIABLE",
    "Seal",
    "check_key",
    "check_seal",
    "make_key",
    "read_seal",
    "seal",
]

KEY_VARIABLE, KEY_FILE_VARIABLE = "CHURN_SIGNING_KEY", "CHURN_SIGNING_KEY_FILE"
_PUBLIC, _SECRET = "ed25519:", "ed25519-secret:"
_SKEW = timedelta(minutes=10)  # what the clocks of two machines may differ


class Seal(Frozen):
    """That a verdict was given, and when.

    Attributes:
        verdict: Digest of the verdict.
        signer: Public key, as `gate.signers` lists it; empty without a signature.
        signature: Over `message`, in base64.
    """

    verdict: str = Field(pattern="^[0-9a-f]{64}$")
    given: AwareDatetime
    signer: str = ""
    signature: str = ""

    @property
    def message(self) -> bytes:
        """What is signed."""
        return f"churn verdict\n{self.verdict}\n{self.given.astimezone(UTC).isoformat()}\n".encode()

    def to_bytes(self) -> bytes:
        return self.model_dump_json().encode()


def seal(verdict: Verdict) -> Seal:
    """Seal a verdict now; signed where the environment has a key.

    Raises:
        GateRefused: The key is none.
    """
    made = Seal(verdict=verdict.digest, given=datetime.now(UTC).replace(microsecond=0))
    key = _signing_key()
    if key is None:
        return made
    signature = base64.b64encode(key.sign(made.message)).decode()
    return made.model_copy(update={"signer": _public(key), "signature": signature})


def check_key() -> None:
    """Refuse a key that `seal` could not use, before there is anything to seal.

    Raises:
        GateRefused: The key is none.
    """
    _signing_key()


def read_seal(data: bytes, verdict: str) -> Seal:
    """Read the seal of the verdict of that digest.

    Raises:
        GateRefused: It is none, or another verdict's.
    """
    try:
        found = Seal.model_validate_json(data)
    except ValidationError:
        raise GateRefused("what lies beside the verdict is no seal; run `churn gate` again") from None
    if found.verdict != verdict:
        raise GateRefused("the seal beside the verdict is another verdict's; run `churn gate` again")
    return found


def check_seal(found: Seal, signers: Sequence[str], valid_days: int | None = None) -> None:
    """Check who gave a verdict, and that it is not too old.

    Args:
        signers: Public keys that count; none if signatures are not asked for.
        valid_days: `None` for any age.

    Raises:
        GateRefused: It does not count, or not any more.
    """
    if signers:
        _check_signature(found, signers)
    age = datetime.now(UTC) - found.given
    if age < -_SKEW:
        raise GateRefused(f"the verdict was given in the future, at {found.given:%Y-%m-%d %H:%M} UTC")
    if valid_days is not None and age > timedelta(days=valid_days):
        raise GateRefused(
            f"the verdict is too old: it was given on {found.given:%Y-%m-%d}, and gate.valid_days allows "
            f"{valid_days} days; run `churn gate` again"
        )


def make_key(path: Path) -> str:
    """Make a key pair: the secret key goes into a new file that only its owner can read.

    Returns:
        The public key, for `gate.signers`.

    Raises:
        GateRefused: The file exists.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise GateRefused(f"{path} exists; a key is never replaced") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{_SECRET}{base64.b64encode(key.private_bytes_raw()).decode()}\n")
    return _public(key)


def _check_signature(found: Seal, signers: Sequence[str]) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not found.signature:
        raise GateRefused(f"the verdict is not signed; run `churn gate` where {KEY_VARIABLE} is set")
    if found.signer not in signers:
        raise GateRefused(f"the verdict was signed by {found.signer!r}, which gate.signers does not list")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(found.signer.removeprefix(_PUBLIC)))
        public.verify(base64.b64decode(found.signature), found.message)
    except (InvalidSignature, ValueError):
        raise GateRefused("the signature of the verdict is false: it or its time was changed") from None


def _signing_key() -> Ed25519PrivateKey | None:
    text, place = os.environ.get(KEY_VARIABLE, ""), os.environ.get(KEY_FILE_VARIABLE, "")
    if not text and not place:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    name = KEY_VARIABLE if text else KEY_FILE_VARIABLE
    try:
        content = (text or Path(place).read_text(encoding="ascii")).strip()
        if not content.startswith(_SECRET):
            raise ValueError
        raw = base64.b64decode(content.removeprefix(_SECRET), validate=True)
        return Ed25519PrivateKey.from_private_bytes(raw)
    except (OSError, ValueError, binascii.Error):
        # Without the cause: it may quote the key.
        raise GateRefused(f"{name} holds no signing key as `churn gate --new-key FILE` makes them") from None


def _public(key: Ed25519PrivateKey) -> str:
    return _PUBLIC + base64.b64encode(key.public_key().public_bytes_raw()).decode()
