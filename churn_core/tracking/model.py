"""A bundle as an MLflow model: data only, with signature and input example."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from churn_core import __version__
from churn_core.bundle import Bundle, copy_bundle
from churn_core.schemas import FieldSpec, SchemaSpec

__all__ = ["save_model"]

_LOADER = "churn_core.tracking.pyfunc"
_ANSWER = {
    "churn_probability": "double",
    "churn_prediction": "double",
    "churn_risk": "string",
    "expected_profit": "double",
    "error": "string",
}
_PINNED = ("numpy", "onnxruntime", "pandas", "pydantic")


def save_model(bundle: Bundle, folder: Path) -> None:
    """Write the model into `folder`, which must not exist."""
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as scratch:
        # MLflow names the copy after its source, and the store looks for `data/bundle`.
        data = copy_bundle(bundle, Path(scratch) / "bundle").folder
        mlflow.pyfunc.save_model(
            path=str(folder),
            loader_module=_LOADER,
            data_path=str(data),
            signature=_signature(bundle.manifest.schema_spec),
            input_example=_example(bundle.manifest.schema_spec),
            pip_requirements=_requirements(),
            metadata={"bundle_digest": bundle.manifest.digest, "schema": bundle.manifest.schema_spec.name},
        )


def _signature(spec: SchemaSpec) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec(_type(field), field.name) for field in spec.fields]),
        outputs=Schema([ColSpec(kind, name) for name, kind in _ANSWER.items()]),
    )


def _type(field: FieldSpec) -> str:
    if field.role == "numeric":
        return "long" if field.integer else "double"
    return "boolean" if field.role == "flag" else "string"


def _example(spec: SchemaSpec) -> Any:
    import pandas as pd

    dtypes = {"long": "int64", "double": "float64", "boolean": "bool", "string": "object"}
    row = {field.name: [field.example] for field in spec.fields}
    return pd.DataFrame(row).astype({field.name: dtypes[_type(field)] for field in spec.fields})


def _requirements() -> list[str]:
    pins = [f"{name}=={version(name)}" for name in ("mlflow", *_PINNED)]
    return [f"churn-core[runtime]=={__version__}", *pins]
