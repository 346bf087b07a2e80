from __future__ import annotations

import subprocess
import sys

PROBE = """
import socket, sys, threading
sockets = []
socket.socket.bind = lambda *args: sockets.append(args)
import churn_serve, churn_serve.app, churn_serve.server, churn_serve.settings
assert not sockets
assert threading.active_count() == 1
print(",".join(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def test_importing_starts_nothing_and_loads_no_trainer() -> None:
    heavy = "pandas,sklearn,mlflow,pycaret,pyarrow,matplotlib,fastapi,uvicorn,click"
    run = subprocess.run(
        [sys.executable, "-c", PROBE, heavy], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
