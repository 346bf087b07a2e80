"""Every model has an exact ONNX form; what has none is refused by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from churn_core.bundle.manifest import Calibration
from churn_core.bundle.session import Graph
from churn_core.errors import ExportError
from churn_core.protocols import Member
from churn_core.train.blend import blended_log_odds
from churn_core.train.calibrate import NONE, calibrated
from churn_core.train.candidates import fit
from churn_core.train.export import export_graph
from churn_core.train.export.forest import below, not_above
from churn_core.train.parity import TOLERANCE, check_parity
from tests.support.training import INSTALLED, matrix_of, training_data

PLATT = Calibration(method="platt", slope=1.3, intercept=-0.4)


def member(name: str, estimator: Any, weight: float = 1.0) -> Member:
    return Member(name, estimator, weight, np.zeros(0))


@cache
def fitted(name: str) -> Any:
    data = training_data()
    return fit(name, {}, data, np.ones(len(data.labels), dtype=bool))


def difference(members: list[Member], calibration: Calibration, matrix: NDArray[np.float32]) -> float:
    served = Graph(export_graph(members, calibration, 7), 7)(matrix)
    return float(np.abs(served - calibrated(calibration, blended_log_odds(members, matrix))).max())


def on_the_edge(graph: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows with one value on, just below or just above a threshold of the graph's trees."""
    edges: list[NDArray[np.float32]] = []
    for node in onnx.load_from_string(graph).graph.node:
        found = {a.name: a for a in node.attribute}
        if "nodes_values" not in found:
            continue
        splits = [mode == b"BRANCH_LEQ" for mode in found["nodes_modes"].strings]
        for feature, value, split in zip(
            found["nodes_featureids"].ints, found["nodes_values"].floats, splits, strict=True
        ):
            near = np.float32(value)
            for edge in (
                near,
                np.nextafter(near, np.float32(np.inf)),
                np.nextafter(near, -np.float32(np.inf)),
            ):
                if split:
                    row = rows[len(edges) % len(rows)].copy()
                    row[feature] = edge
                    edges.append(row)
    return np.array(edges[:20_000]) if edges else rows


@pytest.mark.parametrize("name", INSTALLED)
def test_graph_and_estimator_agree_on_seen_and_unseen_rows(name: str) -> None:
    matrix = np.concatenate([matrix_of(600), matrix_of(3000, seed=5), 10 * matrix_of(100, seed=6)])
    graph = export_graph([member(name, fitted(name))], NONE, 7)
    served = Graph(graph, 7)(matrix)
    # Certainty is limited to one in ten million, hence the room on top of float32's.
    assert np.abs(served - fitted(name).predict_proba(matrix)[:, 1]).max() < TOLERANCE / 2


@pytest.mark.parametrize("name", [name for name in INSTALLED if name not in ("lr", "lda", "nb", "mlp")])
def test_trees_branch_alike_on_the_very_edge(name: str) -> None:
    one = [member(name, fitted(name))]
    rows = on_the_edge(export_graph(one, NONE, 7), matrix_of(300, seed=3))
    assert len(rows) > 20
    assert difference(one, NONE, rows) < TOLERANCE / 2


@pytest.mark.parametrize("name", INSTALLED)
def test_one_row_gives_the_same_bits_as_many(name: str) -> None:
    graph = Graph(export_graph([member(name, fitted(name))], PLATT, 7), 7)
    matrix = matrix_of(120, seed=8)
    assert np.array_equal(graph(matrix), np.concatenate([graph(row[None]) for row in matrix]))


def test_blend_and_calibration_are_part_of_the_graph() -> None:
    members = [member(name, fitted(name), 1 / len(INSTALLED)) for name in INSTALLED]
    assert difference(members, PLATT, matrix_of(2000, seed=5)) < TOLERANCE / 2
    unequal = [member("lr", fitted("lr"), 0.9), member("nb", fitted("nb"), 0.1)]
    assert difference(unequal, PLATT, matrix_of(2000, seed=5)) < TOLERANCE / 2


def test_one_overconfident_member_does_not_outvote_the_others() -> None:
    data = training_data()
    sure = RandomForestClassifier(3, random_state=0).fit(data.matrix, data.labels)
    members = [member("sure", sure, 0.5), member("lr", fitted("lr"), 0.5)]
    served = Graph(export_graph(members, NONE, 7), 7)(data.matrix)
    assert np.isfinite(served).all()
    assert difference(members, NONE, matrix_of(2000, seed=5)) < TOLERANCE / 2


def test_equal_models_give_equal_bytes() -> None:
    data = training_data()
    rows = np.ones(len(data.labels), dtype=bool)
    for name in INSTALLED:
        again = fit(name, {}, data, rows)
        first, second = (export_graph([member(name, e)], PLATT, 7) for e in (fitted(name), again))
        assert first == second, name


def test_only_standard_operators_and_old_opsets_are_used() -> None:
    graph = export_graph([member(name, fitted(name), 1 / len(INSTALLED)) for name in INSTALLED], PLATT, 7)
    model = onnx.load_from_string(graph)
    assert {(o.domain, o.version) for o in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}
    assert model.ir_version <= 10
    assert {node.domain for node in model.graph.node} == {"", "ai.onnx.ml"}
    onnx.checker.check_model(model, full_check=True)


def test_columns_that_nearly_cancel_keep_their_digits() -> None:
    data = training_data()
    matrix = data.matrix.copy()
    matrix[:, 6] = matrix[:, 0] + matrix[:, 3]  # charges again, a hair apart
    for name, changes in (
        ("lr", {"C": 1e9}),
        ("mlp", {"alpha": 0.0}),
        ("lda", {"shrinkage": 0.0}),
        ("nb", {}),
    ):
        twins = replace(data, matrix=1000 * matrix)
        one = [member(name, fit(name, changes, twins, np.ones(600, dtype=bool)))]
        assert difference(one, NONE, twins.matrix) < TOLERANCE / 2, name


@given(st.floats(allow_nan=False, width=64, min_value=-1e30, max_value=1e30), st.integers(-3, 3))
def test_a_rounded_threshold_sends_every_float32_the_same_way(threshold: float, steps: int) -> None:
    x = np.float32(threshold)
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.sign(steps) * np.inf))
    rounded = not_above(np.array([threshold]))[0]
    assert rounded.dtype == np.float32
    assert (float(x) <= threshold) == (x <= rounded)


@given(st.floats(allow_nan=False, width=32, min_value=-(2.0**100), max_value=2.0**100), st.integers(-3, 3))
def test_less_than_becomes_not_above(threshold: float, steps: int) -> None:
    x = np.float32(threshold)
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.sign(steps) * np.inf))
    assert (x < np.float32(threshold)) == (x <= below(np.array([threshold], dtype=np.float32))[0])


def refused(estimator: Any) -> str:
    data = training_data(300)
    with pytest.raises(ExportError) as error:
        export_graph([member("mine", estimator.fit(data.matrix, data.labels))], NONE, 7)
    return str(error.value)


def test_models_without_an_exact_form_are_refused_by_name() -> None:
    assert "'mine' cannot be exported exactly: sklearn.KNeighborsClassifier" in refused(
        KNeighborsClassifier()
    )
    assert "StandardScaler" in refused(make_pipeline(StandardScaler(), LogisticRegression()))
    assert "missing values" in refused(LGBMClassifier(n_estimators=2, zero_as_missing=True, verbose=-1))
    assert "log loss" in refused(LGBMClassifier(n_estimators=2, objective="xentropy", verbose=-1))


def test_exotic_settings_of_boosters_are_refused() -> None:
    catboost, xgboost = pytest.importorskip("catboost"), pytest.importorskip("xgboost")
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    assert "symmetric" in refused(catboost.CatBoostClassifier(iterations=3, grow_policy="Lossguide", **quiet))
    assert "log loss" in refused(xgboost.XGBClassifier(n_estimators=2, booster="dart", n_jobs=1))


def test_a_difference_is_blamed_on_the_member_that_has_it() -> None:
    class Drifting(LogisticRegression):
        """Exported by its weights, but answers otherwise."""

        def predict_proba(self, X: Any) -> Any:  # noqa: N803
            return super().predict_proba(X) * 0.99 + 0.005

    data = training_data()
    drifting = Drifting().fit(data.matrix[:, :7] / 100, data.labels)
    drifting.__class__.__name__ = "LogisticRegression"
    drifting.__class__.__module__ = "sklearn.linear_model"
    members = [member("lr", fitted("lr"), 0.5), member("drifting", drifting, 0.5)]
    graph = export_graph(members, NONE, 7)
    with pytest.raises(ExportError, match="'drifting' cannot be exported exactly"):
        check_parity(graph, members, NONE, data.matrix)


def test_parity_is_measured_on_all_rows() -> None:
    data = training_data()
    members = [member("lr", fitted("lr"))]
    parity = check_parity(export_graph(members, PLATT, 7), members, PLATT, data.matrix)
    assert parity.rows == 600
    assert 0 <= parity.max_difference < TOLERANCE
    with pytest.raises(ExportError, match="'lr' cannot be exported exactly"):
        check_parity(export_graph(members, NONE, 7), members, PLATT, data.matrix)
