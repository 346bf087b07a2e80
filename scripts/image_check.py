"""Proves that a tree serves: run by `image.py` as `python -I -S scripts/image_check.py TREE`.

Such an interpreter sees the standard library and the tree alone. The Lambda handler has to give a real event
the answer of the model itself, and the documentation that FastAPI writes; what was seen is printed as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CONTEXT = SimpleNamespace(
    function_name="check",
    aws_request_id="check",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:check",
    memory_limit_in_mb="512",
    get_remaining_time_in_millis=lambda: 30_000,
)


def event(method: str, path: str, body: str = "") -> dict[str, Any]:
    """An event of a function URL."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "check", "content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def check(tree: Path) -> dict[str, Any]:
    """Import the handler from the tree and ask it."""
    sys.path.insert(0, str(tree))
    os.environ.update(CHURN_BUNDLE=str(tree / "model"), CHURN_AUTH="iam")
    started = time.perf_counter()
    handler = importlib.import_module("churn_serve.lambda_handler").handler
    scorer = importlib.import_module("churn_core").load(str(tree / "model"))
    customer = scorer.bundle.schema_spec.example()

    def ask(method: str, path: str, body: str = "") -> str:
        response = handler(event(method, path, body), CONTEXT)
        if response["statusCode"] != 200:
            sys.exit(f"{method} {path} gives {response['statusCode']}: {response['body']}")
        return response["body"]

    answer = json.loads(ask("POST", "/predict", json.dumps(customer)))
    seconds = time.perf_counter() - started
    if answer["churn_probability"] != scorer.predict(customer).churn_probability:
        sys.exit("the handler does not answer what the model says")
    ask("GET", "/health/ready")
    ask("GET", "/openapi.json")
    ask("GET", "/docs")
    return {"model": answer["model"], "answer": answer, "first_answer_seconds": round(seconds, 3)}


if __name__ == "__main__":
    print(json.dumps(check(Path(sys.argv[1]))))
