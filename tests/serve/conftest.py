from __future__ import annotations

from typing import Any

import pytest

from churn_core.bundle import Scorer
from churn_serve import create_app
from tests.support.bundles import logistic_bundle
from tests.support.http import Caller


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(logistic_bundle(tmp_path_factory.mktemp("bundle")))


@pytest.fixture
def call(scorer: Scorer) -> Caller:
    return Caller(create_app(scorer))


@pytest.fixture
def customer(scorer: Scorer) -> dict[str, Any]:
    """A valid customer who differs from the typical one, so that there are reasons."""
    changes = {"customer_id": "C-7", "contract": "Two year", "tenure_months": 60, "total_charges": 5130.0}
    return {**scorer.bundle.schema_spec.example(), **changes}
