"""The kind of service that this one replaces: FastAPI, a pandas frame, a PyCaret pipeline.

`train FOLDER BUNDLE` fits PyCaret's logistic regression, its quickest model, on drawn customers of the
bundle's schema; `once FOLDER BUNDLE` and `each FOLDER BUNDLE` serve it, loaded at the start or for each
request. The pipeline is asked itself: `predict_model` would cost several times as much.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from churn_core.bundle import read_bundle
from churn_core.schemas import SchemaSpec, customer_class
from churn_serve.server import listen


def train(path: Path, spec: SchemaSpec) -> None:
    """Fit and save a pipeline, preprocessing included."""
    from pycaret.classification import ClassificationExperiment

    from churn_core.train.synth import draw

    experiment = ClassificationExperiment()
    quiet: dict[str, Any] = {"html": False, "verbose": False, "system_log": False, "memory": False}
    data = draw(spec, 2000).drop_columns(["customer_id"]).to_pandas()
    experiment.setup(data=data, target=spec.label.name, session_id=0, n_jobs=1, **quiet)
    model = experiment.finalize_model(experiment.create_model("lr", verbose=False))
    experiment.save_model(model, str(path), verbose=False)


def create_app(path: Path, spec: SchemaSpec, each: bool) -> Any:
    """An application that answers with a probability."""
    import pandas as pd
    from fastapi import FastAPI
    from pycaret.classification import load_model

    def load() -> Any:
        return load_model(str(path), verbose=False)

    loaded = load()
    model: Callable[[], Any] = load if each else lambda: loaded
    app = FastAPI()

    def predict(customer: Any) -> dict[str, Any]:
        fields = customer.model_dump()
        name = fields.pop("customer_id")
        probability = model().predict_proba(pd.DataFrame([fields]))[0, 1]
        return {"customer_id": name, "churn_probability": float(probability)}

    predict.__annotations__["customer"] = customer_class(spec)
    app.post("/predict")(predict)
    return app


if __name__ == "__main__":
    what, folder, bundle = sys.argv[1:]
    pipeline, schema = Path(folder) / "pipeline", read_bundle(Path(bundle)).manifest.schema_spec
    if what == "train":
        train(pipeline, schema)
    else:
        with listen("127.0.0.1", 0) as listener:
            application = create_app(pipeline, schema, what == "each")
            print(f"listening on :{listener.getsockname()[1]}", flush=True)
            config = uvicorn.Config(application, log_config=None, access_log=False)
            uvicorn.Server(config).run(sockets=[listener])
