"""The reference: FastAPI as one would write it, which validates a customer and answers a constant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from churn_core.bundle import Scorer, read_bundle
from churn_core.schemas import ChurnPrediction
from churn_serve.server import listen


def create_app(bundle: Path) -> FastAPI:
    """An application whose answer costs nothing but the framework."""
    scorer = Scorer(read_bundle(bundle))
    constant = scorer.predict(scorer.bundle.schema_spec.example(), explain=False)
    app = FastAPI()

    async def predict(customer: Any) -> ChurnPrediction:  # noqa: ARG001 - FastAPI validates it
        return constant

    predict.__annotations__["customer"] = scorer.customer_class
    app.post("/predict")(predict)
    return app


if __name__ == "__main__":
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(create_app(Path(sys.argv[1])), log_config=None, access_log=False)
        print(f"listening on :{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
