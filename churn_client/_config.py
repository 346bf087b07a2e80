"""How a client behaves."""

from __future__ import annotations

import os
from typing import Annotated, Any, TypedDict, Unpack
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from churn_client._errors import ConfigError
from churn_client._messages import OnRequest, OnResponse
from churn_core.schemas.rules import Frozen

__all__ = ["Config", "Options", "environment", "make_config"]

API_URL = "CHURN_API_URL"
_VARIABLES = {
    "url": API_URL,
    "api_key": "CHURN_API_KEY",
    "timeout": "CHURN_TIMEOUT",
    "deadline": "CHURN_DEADLINE",
    "retries": "CHURN_RETRIES",
    "batch_size": "CHURN_BATCH_SIZE",
    "concurrency": "CHURN_CONCURRENCY",
    "circuit_failures": "CHURN_CIRCUIT_FAILURES",
    "circuit_seconds": "CHURN_CIRCUIT_SECONDS",
    "tracing": "CHURN_TRACING",
}
_AN_HOUR = 3600  # the service knows no longer time-out


def _service_url(url: str) -> str:
    """The address as requests have it, so that what is signed is what is sent."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the address of a service, such as http://127.0.0.1:8000")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    if not _has_port(parts):
        raise ValueError("must have a port from 1 to 65535, or none")
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return urlunsplit((parts.scheme, _place(parts), path, "", ""))


def _place(parts: SplitResult) -> str:
    """Host and port, without a port that goes without saying."""
    name = parts.hostname or ""
    try:
        host = name.encode("ascii" if name.isascii() else "idna").decode()
    except UnicodeError:
        raise ValueError("the name of its host cannot be") from None
    if " " in host:
        raise ValueError("the name of its host cannot be")
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _header_value(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("must be printable ASCII without blanks around it")
    return key


class Config(Frozen):
    """Settings of a client; see `Options`."""

    url: Annotated[str, AfterValidator(_service_url)]
    api_key: Annotated[SecretStr, AfterValidator(_header_value)] | None = None
    timeout: float = Field(default=10.0, gt=0, le=_AN_HOUR)
    deadline: float = Field(default=30.0, gt=0, le=_AN_HOUR)
    retries: int = Field(default=3, ge=0)
    batch_size: int = Field(default=500, ge=1)
    concurrency: int = Field(default=4, ge=1, le=100)
    circuit_failures: int = Field(default=0, ge=0)
    circuit_seconds: float = Field(default=30.0, gt=0, le=_AN_HOUR)
    tracing: bool = False
    on_request: OnRequest | None = Field(default=None, repr=False)
    on_response: OnResponse | None = Field(default=None, repr=False)
    sign: OnRequest | None = Field(default=None, repr=False)


class Options(TypedDict, total=False):
    """Settings of a client that have defaults.

    Those without functions are taken from the environment where they are not given: `timeout` from
    `CHURN_TIMEOUT`, and so on.

    Attributes:
        timeout: Seconds that one attempt may take, from connecting to the last byte; 10.
        deadline: Seconds that one call may take with all its attempts and pauses; 30.
        retries: Most attempts after the first, where the service is out of reach or busy; 3.
        batch_size: Customers that `predict_many` sends in one request; 500.
        concurrency: Requests that `predict_many` has under way at once; 4.
        circuit_failures: Calls that must fail in a row for the client to stop calling; 0 for never.
        circuit_seconds: How long it then waits before it tries one call; 30.
        tracing: Whether each call is a span of OpenTelemetry; needs `churn-client[otel]`.
        on_request: Called before each attempt; what it returns, if anything, is sent instead.
        on_response: Called after each attempt, with the response or the error.
        sign: Has the last word on each request, such as `churn_client.aws.SigV4()`.
    """

    timeout: float
    deadline: float
    retries: int
    batch_size: int
    concurrency: int
    circuit_failures: int
    circuit_seconds: float
    tracing: bool
    on_request: OnRequest | None
    on_response: OnResponse | None
    sign: OnRequest | None


def environment() -> dict[str, str]:
    """What the environment says about clients, by the name of the setting."""
    found = {name: os.environ.get(variable) for name, variable in _VARIABLES.items()}
    return {name: value for name, value in found.items() if value}


def make_config(url: str | None, api_key: str | None, **options: Unpack[Options]) -> Config:
    """Check settings; what is not given comes from the environment.

    Raises:
        ConfigError: One is missing or not allowed. Values are not repeated.
    """
    given = {name: value for name, value in (("url", url), ("api_key", api_key)) if value}
    settings: dict[str, Any] = {**environment(), **given, **options}
    if "url" not in settings:
        raise ConfigError(f"no service is named: pass url= or set {API_URL}, such as http://127.0.0.1:8000")
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, detail["loc"])) or "settings"
    source = f" ({_VARIABLES[name]})" if name in _VARIABLES and name not in {**given, **options} else ""
    raise ConfigError(f"{name}{source}: {detail['msg'].removeprefix('Value error, ')}")
