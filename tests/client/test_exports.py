from __future__ import annotations

import subprocess
import sys

import churn_client
from churn_client import _errors

NAMES = {
    "Action",
    "AsyncChurnClient",
    "Change",
    "ChurnClient",
    "ChurnPrediction",
    "IbmTelcoCustomer",
    "Options",
    "ProbabilityInterval",
    "Reason",
    "Request",
    "Response",
    "TelcoVisionCustomer",
    "predict_churn",
}
ERRORS = set(_errors.__all__) - {"status_error"}


def test_exported_names_are_right() -> None:
    assert set(churn_client.__all__) == NAMES | ERRORS
    for name in churn_client.__all__:
        assert getattr(churn_client, name).__doc__


def test_no_name_is_exported_by_accident() -> None:
    public = {name for name in vars(churn_client) if not name.startswith("_")}
    assert public - set(churn_client.__all__) <= {"annotations", "aws", "pytest_plugin", "testing"}


def test_importing_loads_nothing_heavy_and_opens_nothing() -> None:
    heavy = (
        "numpy",
        "onnxruntime",
        "pandas",
        "pyarrow",
        "click",
        "fastapi",
        "churn_core.bundle",
        "httpx",
        "httpcore",
        "opentelemetry",
        "botocore",
    )
    code = (
        f"import sys, churn_client, churn_client.testing; print([m for m in {heavy!r} if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr
