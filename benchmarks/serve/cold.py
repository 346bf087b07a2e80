"""From the start of a process to its first answer through a Lambda handler, ours and a bare one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.servers import ROOT

__all__ = ["cold_ratio", "unpacked"]

_EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/predict",
    "rawQueryString": "explain=false",
    "headers": {"host": "example", "content-type": "application/json"},
    "requestContext": {
        "http": {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4"},
        "stage": "$default",
    },
    "isBase64Encoded": False,
}
_ASK = """
import asyncio, json, sys
asyncio.set_event_loop(asyncio.new_event_loop())
from {module} import handler
answer = handler(json.loads(sys.argv[1]), None)
assert answer["statusCode"] == 200, answer
"""


def cold_ratio(bundle: Path, body: bytes, rounds: int) -> tuple[float, float, float]:
    """Seconds of ours and of FastAPI with Mangum and pydantic alone, and the median of their ratios."""
    event = json.dumps({**_EVENT, "body": body.decode()})
    own = {"CHURN_BUNDLE": str(bundle), "CHURN_AUTH": "iam"}
    modules = ("churn_serve.lambda_handler", "benchmarks.serve.bare_lambda")
    pairs = [tuple(_seconds(module, event, own) for module in modules) for _ in range(rounds + 1)][1:]
    ours, bare = (median(column) for column in zip(*pairs, strict=True))
    return ours, bare, median(one / other for one, other in pairs)


def _seconds(module: str, event: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", _ASK.format(module=module), event]
    own = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    started = time.perf_counter()
    subprocess.run(
        command,
        cwd=ROOT,
        env={**own, "OMP_NUM_THREADS": "1", **environment},
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def unpacked(tree: Path) -> float:
    """Megabytes of all files in a folder, as a file system without blocks would hold them."""
    files = (path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6
