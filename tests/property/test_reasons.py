"""Whatever a valid customer is like, his shares add up to his score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn_core.bundle import Scorer, read_bundle, write_bundle
from churn_core.bundle.session import Graph, SharesGraph
from churn_core.features import Encoder, RawReader, derived_features, read_columns, reference
from churn_core.protocols import Member, TrainingData
from churn_core.schemas import IbmTelcoCustomer
from churn_core.testing import customers
from churn_core.train.blend import LIMIT, log_odds
from churn_core.train.candidates import fit
from churn_core.train.export import export_graph
from churn_core.train.folds import stratified_folds
from churn_core.train.reasons import export_reasons
from churn_core.train.synth import draw
from tests.support.bundles import logistic_bundle
from tests.support.reasons import PLATT

SPEC = IbmTelcoCustomer.spec
DERIVED = ("tenure-bands", "loose-contract", "service-load")
ENCODER = Encoder(SPEC, derived_features(DERIVED))


@pytest.fixture(scope="module")
def members() -> list[Member]:
    """A linear model and trees, fitted on drawn customers with all derived features."""
    table = draw(SPEC, 600, 0)
    labels = np.asarray(table["churn"]).astype(np.int64)
    matrix = ENCODER.encode(read_columns(SPEC, table).raw)
    data = TrainingData(matrix, labels, stratified_folds(labels, 3, 0), ENCODER.names, 0)
    rows = np.ones(600, dtype=bool)
    return [Member(name, fit(name, {}, data, rows), 0.5, np.zeros(0)) for name in ("lr", "lightgbm")]


@pytest.fixture(scope="module")
def folder(members: list[Member], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    raw = read_columns(SPEC, draw(SPEC, 600, 0)).raw
    graph = export_graph(members, PLATT, len(ENCODER.names))
    tables, about = export_reasons(members, PLATT, ENCODER, raw, graph)
    changes: dict[str, Any] = {"reasons": about, "reference": reference(raw), "calibration": PLATT}
    made = logistic_bundle(folder, derived=DERIVED, **changes)
    return write_bundle(folder, made.manifest, graph, tables).folder


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return Scorer(read_bundle(folder))


@given(row=customers(IbmTelcoCustomer))
def test_shares_add_up_to_the_probability_as_answered(scorer: Scorer, row: Any) -> None:
    p = scorer.predict(row, explain=False).churn_probability
    total = scorer.base + sum(scorer.explain(row).values())
    assert total == pytest.approx(np.log(p) - np.log1p(-p), abs=1e-6)
    assert 1 / (1 + np.exp(-total)) == pytest.approx(p, abs=1e-9)


@given(row=customers(IbmTelcoCustomer))
def test_without_closing_no_more_is_lacking_than_float32_explains(
    folder: Path, members: list[Member], row: Any
) -> None:
    bundle, width = read_bundle(folder), len(ENCODER.names)
    matrix = ENCODER.encode(RawReader(SPEC).read([row]))
    assert bundle.manifest.reasons is not None
    shares = SharesGraph(bundle.reasons, width, len(SPEC.fields))(matrix)
    odds = [float(log_odds(member.estimator, matrix)[0]) for member in members]
    total = bundle.manifest.reasons.base + float(shares.sum())
    assume(max(map(abs, odds)) < LIMIT)  # a limited member says less than its sum
    exact = PLATT.slope * sum(odds) / 2 + PLATT.intercept
    assert total == pytest.approx(exact, abs=1e-6 + 1e-7 * np.abs(shares).sum())
    p = float(Graph(bundle.graph, width)(matrix)[0])
    assert 1 / (1 + np.exp(-total)) == pytest.approx(p, abs=3e-7)


@given(rows=st.lists(customers(IbmTelcoCustomer), min_size=1, max_size=12))
def test_single_and_many_explain_alike_to_the_bit(scorer: Scorer, rows: list[Any]) -> None:
    assert scorer.predict_many(rows, explain=True) == [scorer.predict(row) for row in rows]
