"""What an import brings along, seen in fresh interpreters.

The import contracts in `pyproject.toml` read source code; they do not see plugins, lazy imports that run
too early, or what other packages import.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundles import logistic_bundle

TRAINING = (
    "pandas",
    "scipy",
    "sklearn",
    "mlflow",
    "pycaret",
    "lightgbm",
    "xgboost",
    "catboost",
    "onnx",
)
DRAWING = ("matplotlib", "jinja2")
RUNTIME = ("numpy", "onnxruntime")
ARROW = ("pyarrow", "pyspark")
WEB = ("fastapi", "starlette", "uvicorn", "mangum", "httpx")
TERMINAL = ("click", "rich", "yaml")
HEAVY = (*TRAINING, *DRAWING, *ARROW)
OTHERS = ("churn_serve", "churn_client", *WEB)

RULES: dict[str, tuple[str, ...]] = {
    "import churn_core": ("pydantic", *RUNTIME, *TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.registry, churn_core.protocols": ("pydantic", *RUNTIME, *TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.errors": ("pydantic", *RUNTIME, *TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.schemas": (*RUNTIME, *TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.params": (*RUNTIME, *HEAVY, *OTHERS),
    "import churn_core.features": ("onnxruntime", *TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.bundle": (*TERMINAL, *HEAVY, *OTHERS),
    "import churn_core.gate": (*HEAVY, *OTHERS),
    "import churn_core.batch": (*TRAINING, *DRAWING, "pyspark", *OTHERS),
    "import churn_core.train": ("pycaret", "mlflow", "pyspark", *OTHERS),
    "import churn_core.tracking": ("pycaret", "sklearn", "matplotlib", "pyspark", *OTHERS),
    "import churn_core.cli": (*RUNTIME, *HEAVY, *OTHERS),
    "import churn_serve": (*TRAINING, *DRAWING, *ARROW, "httpx", "churn_client"),
    "import churn_client": (
        *RUNTIME,
        *TRAINING,
        *DRAWING,
        *ARROW,
        "yaml",
        "fastapi",
        "uvicorn",
        "churn_serve",
    ),
}

REPORT = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Top-level names of all modules that a fresh interpreter has after running code."""
    command = [sys.executable, "-c", code + REPORT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", RULES)
def test_an_import_stays_light(code: str) -> None:
    assert loaded_by(code) & set(RULES[code]) == set()


def test_help_of_the_command_is_light() -> None:
    code = "from click.testing import CliRunner\nfrom churn_core.cli.main import churn\n"
    code += "assert CliRunner().invoke(churn, ['--help']).exit_code == 0"
    assert loaded_by(code) & {*RUNTIME, *HEAVY, *OTHERS} == set()


def test_scoring_needs_numpy_and_onnxruntime_alone(tmp_path: Path) -> None:
    logistic_bundle(tmp_path / "bundle")
    code = (
        "import sys, churn_core\n"
        "scorer = churn_core.load(sys.argv[1])\n"
        "scorer.predict(scorer.bundle.schema_spec.example(), explain=True)"
    )
    loaded = loaded_by(code, str(tmp_path / "bundle"))
    assert loaded & {*TERMINAL, *HEAVY, *OTHERS} == set()
    assert loaded >= set(RUNTIME)


def test_training_without_pycaret_does_not_import_it() -> None:
    code = "from churn_core import registry\nregistry.get('trainers', 'native')"
    assert "pycaret" not in loaded_by(code)


def test_the_probe_sees_what_is_imported() -> None:
    assert loaded_by("import sqlite3, json.tool") >= {"sqlite3", "json", "sys"}
