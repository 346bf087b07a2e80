"""Whether the service does what its OpenAPI document says: all checks of schemathesis.

Schemathesis reads the document, sends what it allows and what it does not allow to every route,
and judges each answer. A bundle of a built-in schema answers without keys; one of a schema that
nobody installed, with rules of all kinds, answers with them.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import Server, bundle_or_stand_in, server

KEY = "conformance"
PROTECTED = {"CHURN_API_KEY_HASHES": f"{hashlib.sha256(KEY.encode()).hexdigest()}:predict+admin"}


def main(arguments: list[str]) -> int:
    """Print what schemathesis says; 1 where it found something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks conformance", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: models/candidate")
    parser.add_argument("--cases", type=int, default=1000, help="most of each route and each phase")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        runs = (
            (options.bundle or bundle_or_stand_in(root / "one"), {}),
            (odd_bundle(root / "odd"), PROTECTED),
        )
        failed = False
        for bundle, environment in runs:
            with server(
                "-m", "churn_serve", "--bundle", str(bundle), "--port", "0", **environment
            ) as service:
                done = examine(service, options.cases, options.seed, root)
            failed |= done.returncode != 0
            print(done.stdout if failed else "\n".join(done.stdout.splitlines()[-8:]), flush=True)
    return int(failed)


def examine(service: Server, cases: int, seed: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run all checks against a service; what they find is in `stdout`."""
    url = f"http://127.0.0.1:{service.port}/openapi.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", url, "--checks", "all", "--no-color"]
    options = ["--max-examples", str(cases), "--seed", str(seed), "--header", f"X-API-Key: {KEY}"]
    # In a folder of its own: it leaves a database of examples behind.
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)


def odd_bundle(folder: Path) -> Path:
    """A bundle of a schema that is not installed, with chained rules and names that are hard to quote."""
    from tests.support.bundles import logistic_bundle
    from tests.support.schemas import RailCustomer

    return logistic_bundle(folder, RailCustomer.spec, weights={}).folder
