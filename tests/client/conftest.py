from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from churn_client import ChurnClient
from churn_client._messages import Request, Response
from churn_core.bundle import Scorer
from churn_core.schemas import IbmTelcoCustomer
from churn_serve import Settings, create_app
from tests.support.bundles import logistic_bundle
from tests.support.http import Caller

Connect = Callable[..., ChurnClient]


class InProcess:
    """Carries requests to the real service in this process."""

    def __init__(self, scorer: Scorer, settings: Settings) -> None:
        self._call = Caller(create_app(scorer, settings))

    def send(self, request: Request) -> Response:
        response = self._call(
            request.method, request.path, content=request.content, headers=dict(request.headers)
        )
        return Response(response.status_code, response.content, dict(response.headers))

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the settings of whoever runs the tests."""
    monkeypatch.delenv("CHURN_API_URL", raising=False)
    monkeypatch.delenv("CHURN_API_KEY", raising=False)
    return monkeypatch


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(logistic_bundle(tmp_path_factory.mktemp("bundle")))


@pytest.fixture
def connect(scorer: Scorer) -> Connect:
    """Makes clients of the real service; settings of the service, options of the client."""

    def make(settings: Settings | None = None, **options: Any) -> ChurnClient:
        transport = InProcess(scorer, settings or Settings())
        return ChurnClient("http://service", transport=transport, **options)

    return make


@pytest.fixture
def customer() -> IbmTelcoCustomer:
    changes = {"customer_id": "C-7", "contract": "Two year", "tenure_months": 60, "total_charges": 5130.0}
    return IbmTelcoCustomer.parse({**IbmTelcoCustomer.spec.example(), **changes})
