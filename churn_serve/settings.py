"""The settings of a service, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from churn_core.schemas.rules import Frozen
from churn_serve.errors import SettingsError

__all__ = ["Settings"]

_SCOPE = "(?:predict|admin)"
KeyHash = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{64}}(?::{_SCOPE}(?:\+{_SCOPE})*)?$")]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.:\[\]-]+$")]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

_VARIABLES = {
    "bundle": "CHURN_BUNDLE",
    "auth": "CHURN_AUTH",
    "api_key_hashes": "CHURN_API_KEY_HASHES",
    "cors_origins": "CHURN_CORS_ORIGINS",
    "log_salt": "CHURN_LOG_SALT",
    "max_body_bytes": "CHURN_MAX_BODY_BYTES",
    "max_batch_bytes": "CHURN_MAX_BATCH_BYTES",
    "max_batch_rows": "CHURN_MAX_BATCH_ROWS",
    "max_header_bytes": "CHURN_MAX_HEADER_BYTES",
    "max_connections": "CHURN_MAX_CONNECTIONS",
    "max_requests": "CHURN_MAX_REQUESTS",
    "max_batches": "CHURN_MAX_BATCHES",
    "max_arriving_bytes": "CHURN_MAX_ARRIVING_BYTES",
    "threads": "CHURN_THREADS",
    "workers": "CHURN_WORKERS",
    "wait_seconds": "CHURN_WAIT_SECONDS",
    "head_seconds": "CHURN_HEAD_SECONDS",
    "body_seconds": "CHURN_BODY_SECONDS",
    "base_path": "CHURN_BASE_PATH",
    "cache_dir": "CHURN_CACHE_DIR",
    "fetch_seconds": "CHURN_FETCH_SECONDS",
    "metrics": "CHURN_METRICS",
    "metrics_namespace": "CHURN_METRICS_NAMESPACE",
    "idle_seconds": "CHURN_IDLE_SECONDS",
    "drain_seconds": "CHURN_DRAIN_SECONDS",
    "stop_seconds": "CHURN_STOP_SECONDS",
}
_LISTS = ("api_key_hashes", "cors_origins")
_HINTS = {
    "api_key_hashes": "a SHA-256 of 64 hex digits, as `printf %s KEY | sha256sum` prints it, "
    "alone or with scopes: HASH:predict, HASH:admin or HASH:predict+admin",
    "cors_origins": "an origin such as https://crm.example.com, without a path",
}


class Settings(Frozen):
    """How a service behaves; the same for every bundle.

    Attributes:
        bundle: Reference of the bundle to serve; empty for the default of whoever starts the service.
        auth: `key` asks for an API key where keys are configured, `none` asks for nothing, `iam`
            leaves it to AWS in front of the service.
        api_key_hashes: SHA-256 of each accepted key, in hex, and its scopes; the keys themselves stay
            with the callers.
        cors_origins: Whose pages may call the service from a browser.
        log_salt: Secret with which customers' ids are hashed for the log; empty to log none.
        max_body_bytes: Largest body of `POST /predict`.
        max_batch_bytes: Largest body of `POST /predict/batch`.
        max_batch_rows: Most customers in one batch.
        max_header_bytes: Largest head of a request: its first line and its headers.
        max_connections: Most connections of one worker.
        max_requests: Most requests of `/predict` in work or waiting, in one worker.
        max_batches: The same of `/predict/batch`.
        max_arriving_bytes: Most bytes of unfinished bodies, for each of both.
        threads: In which batches and actions are worked on.
        workers: Processes that answer.
        wait_seconds: How long a request may wait for its turn.
        head_seconds: How long the head of a request may take to arrive.
        body_seconds: How long the body of a request may take to arrive, and an answer to be taken.
        idle_seconds: How long a connection may be idle between two requests.
        drain_seconds: How long a service that was told to stop still takes requests, while it says
            that it is not ready.
        stop_seconds: How long requests may then still take.
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
    api_key_hashes: tuple[KeyHash, ...] = ()
    cors_origins: tuple[Origin, ...] = ()
    log_salt: str = Field(default="", repr=False)
    max_body_bytes: Count = 64 * 1024
    max_batch_bytes: Count = 6 * 1024 * 1024
    max_batch_rows: Count = 1000
    max_header_bytes: Count = 16 * 1024
    max_connections: Count = 1000
    max_requests: Count = 256
    max_batches: Count = 8
    max_arriving_bytes: Count = 64 * 1024 * 1024
    threads: Count = 2
    workers: Count = 1
    wait_seconds: Seconds = 10.0
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 30.0
    idle_seconds: Seconds = 65.0
    drain_seconds: float = Field(default=0.0, ge=0, le=86_400, allow_inf_nan=False)
    stop_seconds: Seconds = 30.0
    base_path: Annotated[str, StringConstraints(pattern=r"^(?:/[A-Za-z0-9_.~-]+)*$")] = ""
    cache_dir: str = ""
    fetch_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    metrics: Literal["auto", "emf", "off"] = "auto"
    metrics_namespace: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.#:/-]{1,255}$")] = "Churn"

    @field_validator("metrics_namespace")
    @classmethod
    def _not_of_aws(cls, namespace: str) -> str:
        if namespace.startswith("AWS/"):
            raise ValueError("AWS/ is for AWS's own metrics: CloudWatch would drop these")
        return namespace

    @model_validator(mode="after")
    def _keys_are_asked_for(self) -> Settings:
        if self.auth == "none" and self.api_key_hashes:
            raise ValueError("none contradicts CHURN_API_KEY_HASHES: unset one of them")
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the variables that `docs/serving.md` lists.

        Raises:
            SettingsError: A value is not allowed. It is not repeated: it may be a key by mistake.
        """
        found = {field: environment[name] for field, name in _VARIABLES.items() if environment.get(name)}
        lists = {field: found.pop(field, "").replace(",", " ").lower().split() for field in _LISTS}
        try:
            return cls.model_validate({**found, **lists})
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None

    @staticmethod
    def variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables that are set, for a service elsewhere, which has its own bundle."""
        names = set(_VARIABLES.values()) - {_VARIABLES["bundle"]}
        return {name: environment[name] for name in sorted(names) if environment.get(name)}


def _sentence(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    field, *place = detail["loc"] or ("auth",)
    name = _VARIABLES[str(field)]
    if field in _HINTS:
        return f"{name}: entry {int(place[0]) + 1} is not {_HINTS[str(field)]}"
    return f"{name}: {detail['msg'].removeprefix('Value error, ')}"
