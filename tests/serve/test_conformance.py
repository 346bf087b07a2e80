"""The service does what its OpenAPI document says, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.conformance import PROTECTED, examine, odd_bundle
from benchmarks.servers import server
from tests.serve.test_wanted import BAND
from tests.support.bundles import logistic_bundle

CASES = 25


@pytest.mark.parametrize("environment", [{}, PROTECTED], ids=["open", "with keys"])
@pytest.mark.parametrize("schema", ["built-in", "odd"])
def test_schemathesis_finds_nothing(tmp_path: Path, environment: dict[str, str], schema: str) -> None:
    bundle = tmp_path / "bundle"
    if schema == "odd":
        odd_bundle(bundle)
    else:
        logistic_bundle(bundle, band=BAND)
    with server("-m", "churn_serve", "--bundle", str(bundle), "--port", "0", **environment) as service:
        done = examine(service, CASES, 0, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "7 selected / 7 total" in done.stdout
    assert "No issues found" in done.stdout
