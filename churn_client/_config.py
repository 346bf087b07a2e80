"""How a client behaves."""

from __future__ import annotations

import os
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from churn_client._errors import ConfigError
from churn_core.schemas.rules import Frozen

__all__ = ["API_KEY", "API_URL", "Config", "make_config"]

API_URL, API_KEY = "CHURN_API_URL", "CHURN_API_KEY"


def _service_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the address of a service, such as http://127.0.0.1:8000")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    if not _has_port(parts):
        raise ValueError("must have a port from 1 to 65535, or none")
    return url.rstrip("/")


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
    """Settings of a client.

    Attributes:
        timeout: Seconds that one attempt may take.
        deadline: Seconds that one call may take with all its attempts.
        retries: Most attempts after the first.
        batch_size: Customers that `predict_many` sends at once.
    """

    url: Annotated[str, AfterValidator(_service_url)]
    api_key: Annotated[SecretStr, AfterValidator(_header_value)] | None = None
    timeout: float = Field(default=10.0, gt=0)
    deadline: float = Field(default=30.0, gt=0)
    retries: int = Field(default=3, ge=0)
    batch_size: int = Field(default=500, ge=1)


def make_config(url: str | None, api_key: str | None, **options: Any) -> Config:
    """Check settings; address and key come from the environment where they are not given.

    Raises:
        ConfigError: One is missing or not allowed. Values are not repeated.
    """
    url = url or os.environ.get(API_URL)
    if not url:
        raise ConfigError(f"no service is named: pass url= or set {API_URL}, such as http://127.0.0.1:8000")
    key = api_key or os.environ.get(API_KEY) or None
    try:
        return Config.model_validate({"url": url, "api_key": key, **options})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, detail["loc"])) or "settings"
        raise ConfigError(f"{name}: {detail['msg'].removeprefix('Value error, ')}") from None
