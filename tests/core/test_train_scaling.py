"""The scaler changes no bit of a mantissa, so trees and exports do not notice it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from churn_core.train.scaling import PowerOfTwoScaler, column_scale, final_model, scaled
from tests.support.training import matrix_of, training_data


def test_scales_are_powers_of_two_within_a_factor_of_root_two_of_the_spread() -> None:
    matrix = matrix_of(500).astype(np.float64)
    scale = PowerOfTwoScaler().fit(matrix).scale_
    assert (np.frexp(scale)[0] == 0.5).all()
    ratio = scale[:-1] / matrix.std(axis=0)[:-1]
    assert (ratio >= np.sqrt(0.5)).all()
    assert (ratio <= np.sqrt(2)).all()
    assert scale[-1] == 1.0  # a constant column


@given(st.floats(1e-6, 1e6), st.integers(-20, 20))
def test_a_column_a_power_of_two_wider_is_scaled_by_that_much_more(width: float, power: int) -> None:
    column = width * matrix_of(50)[:, :1].astype(np.float64)
    narrow = PowerOfTwoScaler().fit(column).scale_
    assert PowerOfTwoScaler().fit(column * 2.0**power).scale_ == narrow * 2.0**power


def test_scaling_is_undone_without_any_loss() -> None:
    matrix = matrix_of(500)
    scaler = PowerOfTwoScaler().fit(matrix)
    assert np.array_equal(scaler.transform(matrix) * scaler.scale_, matrix)


def test_a_tree_asks_the_same_questions_with_and_without_it() -> None:
    data = training_data()
    plain = DecisionTreeClassifier(random_state=0).fit(data.matrix, data.labels)
    behind: Any = scaled(DecisionTreeClassifier(random_state=0)).fit(data.matrix, data.labels)
    tree, scale = behind[-1].tree_, behind[0].scale_
    split = tree.feature >= 0
    assert np.array_equal(tree.feature, plain.tree_.feature)
    assert np.array_equal(tree.threshold[split] * scale[tree.feature[split]], plain.tree_.threshold[split])


def test_the_pipeline_takes_part_in_scikit_learn() -> None:
    pipeline: Any = clone(scaled(DecisionTreeClassifier()))
    with pytest.raises(NotFittedError):
        pipeline[0].transform(matrix_of(3))
    pipeline.fit(matrix_of(20), np.arange(20) % 2)
    assert pipeline[0].get_feature_names_out(["a"] * 7).tolist() == ["a"] * 7
    assert pipeline[0].get_feature_names_out()[1] == "x1"
    assert final_model(pipeline) is pipeline[-1]
    assert final_model(pipeline[-1]) is pipeline[-1]


def test_the_scale_of_an_estimator_is_known_or_refused() -> None:
    data = training_data(200)
    alone: Any = DecisionTreeClassifier().fit(data.matrix, data.labels)
    assert np.array_equal(column_scale(alone, 7), np.ones(7))
    pipeline: Any = scaled(DecisionTreeClassifier()).fit(data.matrix, data.labels)
    assert np.array_equal(column_scale(pipeline, 7), pipeline[0].scale_)
    pipeline.steps.insert(0, ("standard", StandardScaler()))
    with pytest.raises(TypeError, match="StandardScaler"):
        column_scale(pipeline, 7)
