"""A real service in a process of its own, and the double; both ask for the same key."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from churn_client import ChurnClient, Request, Response
from churn_client._transport import HttpTransport
from churn_client.testing import FakeChurnService
from churn_core.bundle.band import ProbabilityBand
from churn_core.schemas import IbmTelcoCustomer
from tests.support.bundles import logistic_bundle

KEY = "a-key-for-tests"
BAND = ProbabilityBand(coverage=0.9, neighbours=50, probabilities=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0))

Ask = Callable[..., Response]
Send = Callable[[Request], Response]


@pytest.fixture(scope="session")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    bundle = logistic_bundle(tmp_path_factory.mktemp("bundle"), band=BAND)
    hashes = hashlib.sha256(KEY.encode()).hexdigest()
    with subprocess.Popen(
        [sys.executable, "-m", "churn_serve", "--bundle", str(bundle.folder), "--port", "0"],
        env={**os.environ, "CHURN_API_KEY_HASHES": hashes},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the service did not start"
            yield found[0]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def real(real_url: str) -> Iterator[Send]:
    transport = HttpTransport(real_url)
    yield transport.send
    transport.close()


@pytest.fixture
def fake() -> FakeChurnService:
    return FakeChurnService(api_key=KEY)


@pytest.fixture(params=["fake", "real"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Sends one request, to the double and to the real service in turn."""
    chosen = request.getfixturevalue(request.param)
    send: Send = chosen.handle if request.param == "fake" else chosen

    def asked(path: str, body: Any = None, method: str = "", **headers: str) -> Response:
        return send(make_request(path, body, method, headers))

    return asked


@pytest.fixture(params=["fake", "real"])
def client(request: pytest.FixtureRequest) -> Iterator[ChurnClient]:
    """A client of the double, and of the real service."""
    if request.param == "fake":
        made = request.getfixturevalue("fake").client()
    else:
        made = ChurnClient(request.getfixturevalue("real_url"), KEY)
    with made:
        yield made


@pytest.fixture
def customer() -> dict[str, Any]:
    """One who differs from the typical one, so that there are reasons."""
    changes = {"contract": "Two year", "tenure_months": 60, "total_charges": 5130.0}
    return {**IbmTelcoCustomer.spec.example(), **changes}


def make_request(path: str, body: Any = None, method: str = "", headers: Mapping[str, str] = {}) -> Request:
    """A request with the key; `_` in names of headers stands for `-`, and "" leaves one out."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {"x-api-key": KEY, "content-type": "application/json", **named}
    sent = {name: value for name, value in kept.items() if value}
    return Request(method or ("GET" if body is None else "POST"), path, content, sent, timeout=30.0)
