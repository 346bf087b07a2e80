"""The examples of docs/client.md run as they are printed, against a real service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from churn_client import _errors
from churn_client.testing import FakeChurnService
from churn_core.cli.trial import service
from tests.support.bundles import logistic_bundle
from tests.support.imports import ROOT

PAGE = (ROOT / "docs/client.md").read_text(encoding="utf-8")


def test_the_examples_run(
    tmp_path: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    with service(str(logistic_bundle(tmp_path).folder)) as url:
        environment.setenv("CHURN_API_URL", url)
        for block in blocks:
            exec(compile(block.replace("http://127.0.0.1:8000", url), "docs/client.md", "exec"), names)
        names["worth_a_call"] = lambda one: names["predict_churn"](one).churn_prediction == 1
        with FakeChurnService() as service_of_test:
            names["test_likely_churners_are_called"](service_of_test)
    printed = capsys.readouterr().out
    assert len(blocks) == 7
    assert "[0, 500, 1000, 1200]" in printed
    assert "True local ibm-telco" in printed
    assert "is not in the vocabulary" in printed
    assert "80% to 100%" in printed
    assert printed.count("7590-VHVEG") == 3


def test_the_tree_of_errors_is_the_modules() -> None:
    assert (_errors.__doc__ or "").split("```")[1] in PAGE
