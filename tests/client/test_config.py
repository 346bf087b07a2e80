from __future__ import annotations

from typing import Any

import pytest

from churn_client import ChurnClient, ConfigError
from churn_client._config import make_config


def test_arguments_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CHURN_API_URL", "http://from-environment:1/")
    environment.setenv("CHURN_API_KEY", "environment-key")
    found = make_config(None, None)
    given = make_config("https://given/prod/", "given-key")
    assert (found.url, given.url) == ("http://from-environment:1", "https://given/prod")
    keys = [config.api_key.get_secret_value() for config in (found, given) if config.api_key]
    assert keys == ["environment-key", "given-key"]


def test_a_key_is_never_shown() -> None:
    assert "given-key" not in repr(make_config("http://service", "given-key"))


def test_no_url_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match="set CHURN_API_URL"):
        ChurnClient()


@pytest.mark.parametrize(
    "url",
    [
        "service",
        "ftp://service",
        "http://",
        "http://user:secret@service",
        "http://service?key=secret",
        "http://[1",
    ],
)
def test_what_is_no_service_address(url: str) -> None:
    with pytest.raises(ConfigError, match="^url: ") as caught:
        make_config(url, None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("port", ["99999", "0", "-1", "secret"])
def test_ports_that_do_not_exist(port: str) -> None:
    with pytest.raises(ConfigError, match="^url: must have a port from 1 to 65535, or none$"):
        make_config(f"http://127.0.0.1:{port}", None)


@pytest.mark.parametrize("key", ["line\nbreak", "caf\u00e9", " edge"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ConfigError, match="^api_key: must be printable ASCII") as caught:
        make_config("http://service", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "option", [{"timeout": 0}, {"deadline": -1}, {"retries": -1}, {"batch_size": 0}, {"speed": 1}]
)
def test_settings_are_checked(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        make_config("http://service", None, **option)


def test_the_environment_sets_what_is_not_given(environment: pytest.MonkeyPatch) -> None:
    settings = {
        "API_URL": "http://from-environment",
        "TIMEOUT": "1.5",
        "DEADLINE": "7",
        "RETRIES": "0",
        "BATCH_SIZE": "10",
        "CONCURRENCY": "2",
        "CIRCUIT_FAILURES": "5",
        "CIRCUIT_SECONDS": "3",
        "TRACING": "true",
    }
    for name, value in settings.items():
        environment.setenv(f"CHURN_{name}", value)
    config = make_config(None, None, deadline=9)
    assert (config.timeout, config.deadline, config.retries) == (1.5, 9, 0)
    assert (config.batch_size, config.concurrency) == (10, 2)
    assert (config.circuit_failures, config.circuit_seconds, config.tracing) == (5, 3, True)


def test_a_wrong_variable_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CHURN_TIMEOUT", "a-secret")
    with pytest.raises(ConfigError, match=r"^timeout \(CHURN_TIMEOUT\): ") as caught:
        make_config("http://service", None)
    assert "a-secret" not in str(caught.value)
    assert caught.value.__context__ is None
    assert make_config("http://service", None, timeout=2).timeout == 2


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e9])
def test_a_time_that_never_ends_is_none(seconds: float) -> None:
    with pytest.raises(ConfigError, match="^deadline: "):
        make_config("http://service", None, deadline=seconds)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://Service.Example:443/prod/", "https://service.example/prod"),
        ("http://service:80", "http://service"),
        ("http://service:8080/a b/\u00e9%20", "http://service:8080/a%20b/%C3%A9%20"),
        ("http://caf\u00e9.example", "http://xn--caf-dma.example"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_url_is_what_will_be_sent(url: str, sent: str) -> None:
    assert make_config(url, None).url == sent


@pytest.mark.parametrize("host", ["exa mple", "caf\u00e9." + "a" * 64])
def test_a_host_that_cannot_be(host: str) -> None:
    with pytest.raises(ConfigError, match="^url: the name of its host cannot be$"):
        make_config(f"http://{host}", None)


def test_a_proxy_that_cannot_be(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://127.0.0.1:port")
    with pytest.raises(ConfigError, match="^the proxy of the environment for http is no address$"):
        ChurnClient("http://service.example")
