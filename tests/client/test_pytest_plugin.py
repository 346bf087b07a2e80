"""A consumer's tests, run by pytest in a project of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imports import ROOT

CONSUMER = '''
from churn_client import ChurnClient


def worth_a_call(row):
    """Made by a module of the consumer's."""
    with ChurnClient("https://churn.example.com", "its-key") as client:
        return client.predict(row).churn_prediction == 1
'''
TESTS = """
import asyncio
import os
import time

import pytest

from churn_client import AsyncChurnClient, ChurnClient, ConfigError
from churn_client import IbmTelcoCustomer, ServiceFailed, predict_churn
from consumer import worth_a_call

ROW = IbmTelcoCustomer.spec.example()


def test_code_that_makes_a_client_of_its_own(churn_service):
    churn_service.probability = 0.9
    assert worth_a_call(ROW)
    churn_service.probability = 0.1
    assert not worth_a_call(ROW)
    assert [one.customer_id for one in churn_service.customers] == ["C-0001", "C-0001"]


def test_each_test_has_a_fresh_one(churn_service):
    assert not churn_service.customers
    assert predict_churn(ROW).churn_probability == 0.5
    with ChurnClient() as client:
        assert client.predict(ROW).model.name == "fake"


def test_asynchronous_code(churn_service):
    async def ask():
        async with AsyncChurnClient() as client:
            return [answer async for answer in client.predict_many([ROW] * 3)]

    assert len(asyncio.run(ask())) == 3


def test_an_outage_takes_no_time(churn_service):
    churn_service.fail(503, 503, 503, 503, retry_after=5)
    begin = time.monotonic()
    with pytest.raises(ServiceFailed):
        worth_a_call(ROW)
    assert time.monotonic() - begin < 5 <= churn_service.seconds


def test_without_the_fixture_nothing_is_faked():
    assert "CHURN_API_URL" not in os.environ
    with pytest.raises(ConfigError):
        predict_churn(ROW)


class TestOtherCustomers:
    @pytest.fixture
    def churn_service_options(self):
        return {"threshold": 0.2, "api_key": "k"}

    def test_they_are_answered(self, churn_service):
        assert predict_churn(ROW).threshold == 0.2
        assert churn_service.requests[0].headers["x-api-key"] == "k"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "consumer.py").write_text(CONSUMER, encoding="utf-8")
    (tmp_path / "test_consumer.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def test_a_consumers_tests_pass(project: Path) -> None:
    # Where churn-client is installed, pytest loads the plugin without being told to.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "churn_client.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "6 passed" in run.stdout


def test_the_plugin_loads_the_double_only_where_it_is_used() -> None:
    code = "import sys, churn_client.pytest_plugin; print({'httpx', 'churn_client.testing'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "set()"
