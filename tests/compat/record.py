"""Records what a released service is asked and answers, for clients and services to come.

`python -m tests.compat.record VERSION` writes `tests/compat/VERSION`: one file for each exchange, and
`answers.schema.json`, by which that version's client reads answers. Run it once when a version is released;
what was released is never recorded again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from churn_core.bundle import Scorer
from churn_core.bundle.band import ProbabilityBand
from churn_core.schemas import (
    BatchAnswer,
    ChurnPrediction,
    IbmTelcoCustomer,
    ModelInfo,
    Problem,
    SchemaInfo,
)
from churn_serve import Settings, create_app
from tests.support.bundles import logistic_bundle
from tests.support.http import Caller

__all__ = ["ANSWERS", "FOLDER", "KEY", "service"]

FOLDER = Path(__file__).parent
ANSWERS = "answers.schema.json"
KEY = "a-key-for-tests"

_BAND = ProbabilityBand(
    coverage=0.9, neighbours=50, probabilities=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0)
)
_ONE = {
    **IbmTelcoCustomer.spec.example(),
    "customer_id": "7590-VHVEG",
    "payment_method": "Electronic check",
    "tenure_months": 1,
    "total_charges": 85.5,
}
_ALL = "explain=true&interval=true&action=true"
_BATCH = {"customers": [_ONE, {**_ONE, "gender": "unknown", "tenure_months": 0}, _ONE]}

# Name, method, path, body, key.
_ASKED: tuple[tuple[str, str, str, object, str], ...] = (
    ("predict", "POST", f"/predict?{_ALL}", _ONE, KEY),
    ("predict-in-spanish", "POST", f"/predict?{_ALL}&language=es", _ONE, KEY),
    ("predict-without-reasons", "POST", "/predict?explain=false", _ONE, KEY),
    ("batch", "POST", f"/predict/batch?{_ALL}", _BATCH, KEY),
    ("batch-without-reasons", "POST", "/predict/batch?explain=false", _BATCH, KEY),
    ("model", "GET", "/model", None, KEY),
    ("schema", "GET", "/schema", None, KEY),
    ("ready", "GET", "/health/ready", None, ""),
    ("problem-customer", "POST", "/predict?explain=true", {**_ONE, "gender": "unknown", "more": 1}, KEY),
    ("problem-parameter", "POST", "/predict?explain=true&colour=red", _ONE, KEY),
    ("problem-key", "POST", "/predict?explain=true", _ONE, "unknown"),
    ("problem-route", "GET", "/nowhere", None, KEY),
    ("problem-size", "POST", "/predict/batch?explain=false", {"customers": [{}] * 4}, KEY),
)


def service(folder: Path) -> Caller:
    """A service that asks for `KEY`, knows intervals, and takes no more than three customers at once."""
    hashes = (hashlib.sha256(KEY.encode()).hexdigest(),)
    settings = Settings(api_key_hashes=hashes, max_batch_rows=3)
    return Caller(create_app(Scorer(logistic_bundle(folder, band=_BAND)), settings))


def record(version: str) -> None:
    """Write all files of a version.

    Raises:
        FileExistsError: They are there.
    """
    target = FOLDER / version
    target.mkdir()
    with TemporaryDirectory() as folder:
        call = service(Path(folder))
        for name, method, path, body, key in _ASKED:
            _write(target / f"{name}.json", _exchange(call, method, path, body, key))
    models = (ChurnPrediction, BatchAnswer, ModelInfo, SchemaInfo, Problem)
    _write(target / ANSWERS, {model.__name__: _open(model.model_json_schema()) for model in models})


def _exchange(call: Caller, method: str, path: str, body: object, key: str) -> dict[str, Any]:
    headers = {"x-request-id": "r-1", "accept": "application/json"} | ({"x-api-key": key} if key else {})
    options: dict[str, Any] = {} if body is None else {"json": body}
    answer = call(method, path, headers=headers, **options)
    told = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return {
        "request": {"method": method, "path": path, "headers": headers, "body": body},
        "response": {"status": answer.status_code, "headers": told, "body": answer.json()},
    }


def _open(schema: Any) -> Any:
    """A JSON Schema as clients go by it: they leave out keys that they do not know."""
    if isinstance(schema, Mapping):
        items = cast("Mapping[str, Any]", schema).items()
        return {key: _open(value) for key, value in items if (key, value) != ("additionalProperties", False)}
    return [_open(one) for one in cast("list[Any]", schema)] if isinstance(schema, list) else schema


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(sys.argv[1])
