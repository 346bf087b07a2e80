from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from churn_serve import Settings
from churn_serve.errors import SettingsError

HASH = hashlib.sha256(b"key").hexdigest()


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"CHURN_AUTH": "", "CHURN_MAX_BODY_BYTES": ""}) == Settings()


def test_every_variable_is_read() -> None:
    found = Settings.from_environment(
        {
            "CHURN_BUNDLE": "/model",
            "CHURN_AUTH": "iam",
            "CHURN_API_KEY_HASHES": f" {HASH.upper()},\n{HASH}:Predict+Admin ",
            "CHURN_MAX_BODY_BYTES": "10",
            "CHURN_MAX_BATCH_BYTES": "20",
            "CHURN_MAX_BATCH_ROWS": "30",
            "CHURN_CORS_ORIGINS": "https://crm.example.com, http://localhost:3000",
            "CHURN_LOG_SALT": "Pepper",
            "CHURN_MAX_HEADER_BYTES": "40",
            "CHURN_MAX_CONNECTIONS": "50",
            "CHURN_MAX_REQUESTS": "60",
            "CHURN_MAX_BATCHES": "7",
            "CHURN_MAX_ARRIVING_BYTES": "80",
            "CHURN_THREADS": "3",
            "CHURN_WORKERS": "4",
            "CHURN_WAIT_SECONDS": "1.5",
            "CHURN_HEAD_SECONDS": "3.5",
            "CHURN_BODY_SECONDS": "2.5",
            "CHURN_IDLE_SECONDS": "4.5",
            "CHURN_DRAIN_SECONDS": "5.5",
            "CHURN_STOP_SECONDS": "6.5",
            "CHURN_BASE_PATH": "/churn/v1",
            "CHURN_CACHE_DIR": "/cache",
            "CHURN_FETCH_SECONDS": "3",
            "CHURN_METRICS": "emf",
            "CHURN_METRICS_NAMESPACE": "Team/Churn",
        }
    )
    assert found.model_dump() == {
        "bundle": "/model",
        "auth": "iam",
        "api_key_hashes": (HASH, f"{HASH}:predict+admin"),
        "max_body_bytes": 10,
        "max_batch_bytes": 20,
        "max_batch_rows": 30,
        "cors_origins": ("https://crm.example.com", "http://localhost:3000"),
        "log_salt": "Pepper",
        "max_header_bytes": 40,
        "max_connections": 50,
        "max_requests": 60,
        "max_batches": 7,
        "max_arriving_bytes": 80,
        "threads": 3,
        "workers": 4,
        "wait_seconds": 1.5,
        "head_seconds": 3.5,
        "body_seconds": 2.5,
        "idle_seconds": 4.5,
        "drain_seconds": 5.5,
        "stop_seconds": 6.5,
        "base_path": "/churn/v1",
        "cache_dir": "/cache",
        "fetch_seconds": 3.0,
        "metrics": "emf",
        "metrics_namespace": "Team/Churn",
    }


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CHURN_AUTH": "maybe"}, "CHURN_AUTH"),
        ({"CHURN_AUTH": "none", "CHURN_API_KEY_HASHES": HASH}, "contradicts CHURN_API_KEY_HASHES"),
        ({"CHURN_MAX_BODY_BYTES": "many"}, "CHURN_MAX_BODY_BYTES"),
        ({"CHURN_MAX_BATCH_ROWS": "0"}, "CHURN_MAX_BATCH_ROWS"),
        ({"CHURN_BODY_SECONDS": "inf"}, "CHURN_BODY_SECONDS"),
        ({"CHURN_BODY_SECONDS": "0"}, "CHURN_BODY_SECONDS"),
        ({"CHURN_STOP_SECONDS": "0"}, "CHURN_STOP_SECONDS"),
        ({"CHURN_DRAIN_SECONDS": "-1"}, "CHURN_DRAIN_SECONDS"),
        ({"CHURN_WORKERS": "0"}, "CHURN_WORKERS"),
        ({"CHURN_METRICS_NAMESPACE": "AWS/Lambda"}, "CHURN_METRICS_NAMESPACE: AWS/ is for AWS's own"),
        ({"CHURN_CORS_ORIGINS": "*"}, "CHURN_CORS_ORIGINS: entry 1 is not an origin"),
        ({"CHURN_CORS_ORIGINS": "https://a.example https://b.example/"}, "CHURN_CORS_ORIGINS: entry 2"),
        ({"CHURN_API_KEY_HASHES": f"{HASH}:root"}, "CHURN_API_KEY_HASHES: entry 1 is not a SHA-256"),
        ({"CHURN_API_KEY_HASHES": f"{HASH},my-secret-key"}, "CHURN_API_KEY_HASHES: entry 2 is not a SHA-256"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        Settings.from_environment(environment)
    assert "my-secret-key" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().auth = "none"  # type: ignore[misc]
