"""A client that others generate from the OpenAPI document works."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from benchmarks.conformance import KEY, PROTECTED, odd_bundle
from benchmarks.servers import server
from churn_core.bundle import Scorer, read_bundle

GENERATOR = "from openapi_python_client.cli import app; app()"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return odd_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def address(bundle: Path) -> Any:
    with server("-m", "churn_serve", "--bundle", str(bundle), "--port", "0", **PROTECTED) as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.fixture(scope="module")
def generated(address: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The name of the package that was generated, which can be imported."""
    root = tmp_path_factory.mktemp("generated")
    (root / "openapi.json").write_bytes(httpx.get(f"{address}/openapi.json").content)
    (root / "config.yaml").write_text("post_hooks: []\n")
    options = ["--path", "openapi.json", "--config", "config.yaml", "--meta", "none"]
    done = subprocess.run(
        [sys.executable, "-c", GENERATOR, "generate", *options, "--output-path", "rail", "--fail-on-warning"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip() == "Generating rail"
    sys.path.insert(0, str(root))
    yield "rail"
    sys.path.remove(str(root))


def test_each_operation_answers(generated: str, address: str, bundle: Path) -> None:
    def module(name: str) -> ModuleType:
        return import_module(f"{generated}.{name}")

    scorer = Scorer(read_bundle(bundle))
    one = scorer.bundle.schema_spec.example()
    models = module("models")
    keyed = {"token": KEY, "prefix": "", "auth_header_name": "X-API-Key"}
    with module("client").AuthenticatedClient(base_url=address, **keyed) as client:
        customer = models.RailCardCustomer.from_dict(one)
        answer = module("api.predictions.predict").sync(client=client, body=customer, explain=False)
        expected = scorer.predict(one, explain=False)
        assert answer.churn_probability == expected.churn_probability
        assert answer.model.digest == scorer.model.digest
        batch = models.BatchRequest([customer, {"klass": "4"}])
        many = module("api.predictions.predict_batch").sync(client=client, body=batch)
        assert many.predictions[0].expected_profit == expected.expected_profit
        assert (many.predictions[1], many.errors[0].index) == (None, 1)
        assert module("api.information.describe_model").sync(client=client).digest == scorer.model.digest
        assert module("api.information.describe_schema").sync(client=client).name == "rail-card"
        assert module("api.health.ready").sync(client=client).status == "ready"
        refused = module("api.predictions.predict").sync(client=client, body=customer, interval=True)
        assert (type(refused), refused.errors[0].field) == (models.Problem, "interval")
