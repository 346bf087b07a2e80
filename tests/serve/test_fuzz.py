"""The fuzzer itself, for a moment; `python -m benchmarks fuzz` runs it for long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fuzz
from benchmarks.fuzz.reference import Reply, Request, check
from churn_core.bundle import Scorer
from tests.serve.test_wanted import BAND
from tests.support.bundles import logistic_bundle

needs_a_fuzzer = pytest.mark.skipif(not fuzz.available(), reason="atheris runs on Linux alone")


@needs_a_fuzzer
def test_nothing_is_found_in_seconds(tmp_path: Path) -> None:
    bundle = logistic_bundle(tmp_path / "bundle", band=BAND)
    done = fuzz.fuzz(bundle.folder, 5, tmp_path)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "INITED cov:" in done.stdout


def test_without_a_fuzzer_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "available", lambda: False)
    assert fuzz.main([]) == 1
    assert capsys.readouterr().out.strip() == fuzz.MISSING


@pytest.mark.parametrize(
    "changes", [{"status": 500}, {"status": 422}, {"body": b"{}"}, {"headers": {b"x-request-id": b""}}]
)
def test_the_reference_notices_wrong_answers(
    scorer: Scorer, customer: dict[str, Any], changes: dict[str, Any]
) -> None:
    request = Request.read(b"POST /predict?explain=0\n\n" + json.dumps(customer).encode())
    answer = scorer.predict(customer, explain=False).model_dump_json().encode()
    right: dict[str, Any] = {"status": 200, "headers": {b"x-request-id": b"1"}, "body": answer}
    assert request
    check(request, Reply(**right), scorer)
    with pytest.raises((AssertionError, KeyError)):
        check(request, Reply(**{**right, **changes}), scorer)
