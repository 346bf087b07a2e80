from __future__ import annotations

import json
from io import StringIO

import pytest

from churn_core.bundle import Scorer
from churn_serve import Settings, create_app
from churn_serve.emf import metrics_for
from churn_serve.logs import Log
from tests.support.http import Caller


@pytest.mark.parametrize(
    ("metrics", "elsewhere", "on_lambda"), [("auto", False, True), ("emf", True, True), ("off", False, False)]
)
def test_metrics_are_written_where_they_are_wanted(metrics: str, elsewhere: bool, on_lambda: bool) -> None:
    settings = Settings.model_validate({"metrics": metrics})
    assert bool(metrics_for(settings)) == elsewhere
    assert bool(metrics_for(settings, on_lambda=True)) == on_lambda


def test_one_line_tells_and_counts(scorer: Scorer) -> None:
    written = StringIO()
    settings = Settings(metrics="emf", metrics_namespace="Team/Churn")
    service = create_app(scorer, settings, log=Log(written, metrics_for(settings)))
    assert Caller(service)("POST", "/predict", json={}).status_code == 422
    assert Caller(create_app(log=Log(written, metrics_for(settings))))("GET", "/model").status_code == 503
    refused, failed = map(json.loads, written.getvalue().splitlines())
    assert (refused["Requests"], refused["Errors"], refused["Customers"]) == (1, 0, 0)
    assert refused["Latency"] == refused["milliseconds"] > 0
    assert (refused["Route"], refused["StatusClass"]) == ("/predict", "4xx")
    assert refused["Model"] == scorer.model.digest[:12]
    assert refused["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Team/Churn"
    assert (failed["Errors"], failed["StatusClass"], failed["Model"]) == (1, "5xx", "none")
