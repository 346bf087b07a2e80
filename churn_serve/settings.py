"""The settings of a service, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from churn_core.schemas.rules import Frozen
from churn_serve.errors import SettingsError

__all__ = ["Settings"]

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]

_VARIABLES = {
    "bundle": "CHURN_BUNDLE",
    "auth": "CHURN_AUTH",
    "api_key_hashes": "CHURN_API_KEY_HASHES",
    "max_body_bytes": "CHURN_MAX_BODY_BYTES",
    "max_batch_bytes": "CHURN_MAX_BATCH_BYTES",
    "max_batch_rows": "CHURN_MAX_BATCH_ROWS",
    "body_seconds": "CHURN_BODY_SECONDS",
    "base_path": "CHURN_BASE_PATH",
    "cache_dir": "CHURN_CACHE_DIR",
    "fetch_seconds": "CHURN_FETCH_SECONDS",
    "metrics": "CHURN_METRICS",
    "metrics_namespace": "CHURN_METRICS_NAMESPACE",
}
_HASH_HINT = "a SHA-256 of 64 hex digits, as `printf %s KEY | sha256sum` prints it"


class Settings(Frozen):
    """How a service behaves; the same for every bundle.

    Attributes:
        bundle: Reference of the bundle to serve; empty for the default of whoever starts the service.
        auth: `key` asks for an API key where keys are configured, `none` asks for nothing, `iam`
            leaves it to AWS in front of the service.
        api_key_hashes: SHA-256 of each accepted key, in hex; the keys themselves stay with the callers.
        max_body_bytes: Largest body of `POST /predict`.
        max_batch_bytes: Largest body of `POST /predict/batch`.
        max_batch_rows: Most customers in one batch.
        body_seconds: How long the body of a request may take to arrive.
        base_path: On Lambda, the path under which a custom domain publishes the service.
        cache_dir: Where the last good copy of a registry's bundle is kept; empty for `/tmp/churn` on
            Lambda, and the user's cache elsewhere.
        fetch_seconds: How long a registry may take to give a bundle; by default 5 on Lambda, which gives
            a start 10, and 60 elsewhere.
        metrics: `emf` adds metrics for CloudWatch to the log, `off` does not; `auto` does on Lambda.
        metrics_namespace: Under which CloudWatch shows them.
    """

    bundle: str = ""
    auth: Literal["key", "none", "iam"] = "key"
    api_key_hashes: tuple[Sha256, ...] = ()
    max_body_bytes: int = Field(default=64 * 1024, ge=1)
    max_batch_bytes: int = Field(default=6 * 1024 * 1024, ge=1)
    max_batch_rows: int = Field(default=1000, ge=1)
    body_seconds: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    base_path: Annotated[str, StringConstraints(pattern=r"^(?:/[A-Za-z0-9_.~-]+)*$")] = ""
    cache_dir: str = ""
    fetch_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    metrics: Literal["auto", "emf", "off"] = "auto"
    metrics_namespace: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.#:/-]{1,255}$")] = "Churn"

    @model_validator(mode="after")
    def _keys_are_asked_for(self) -> Settings:
        if self.auth == "none" and self.api_key_hashes:
            raise ValueError("none contradicts CHURN_API_KEY_HASHES: unset one of them")
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read `CHURN_BUNDLE`, `CHURN_AUTH`, `CHURN_API_KEY_HASHES` and the limits.

        Raises:
            SettingsError: A value is not allowed. It is not repeated: it may be a key by mistake.
        """
        found = {field: environment[name] for field, name in _VARIABLES.items() if environment.get(name)}
        hashes = found.pop("api_key_hashes", "").replace(",", " ").lower().split()
        try:
            return cls.model_validate({**found, "api_key_hashes": hashes})
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    field, *place = detail["loc"] or ("auth",)
    name = _VARIABLES[str(field)]
    if field == "api_key_hashes":
        return f"{name}: entry {int(place[0]) + 1} is not {_HASH_HINT}"
    return f"{name}: {detail['msg'].removeprefix('Value error, ')}"
