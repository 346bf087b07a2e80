"""The one fitted preparation: each column divided by a power of two.

Dividing by a power of two changes no bit of a float's mantissa. Trees therefore split at
exactly the same customers with or without it, and export can fold it into thresholds and
weights without rounding. It does not centre, which would round; what linear models and
networks need is a common scale, and that it gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = ["PowerOfTwoScaler", "column_scale", "final_model", "scaled"]


class PowerOfTwoScaler(TransformerMixin, BaseEstimator):
    """Divides each column by the power of two nearest to its standard deviation.

    Attributes:
        scale_: float64 `[columns]`; 1 for a column that is constant.
    """

    def fit(self, X: Any, y: Any = None) -> PowerOfTwoScaler:  # noqa: N803
        spread = np.std(np.asarray(X, dtype=np.float64), axis=0)
        mantissa, exponent = np.frexp(np.where(spread > 0, spread, 1.0))
        # spread = mantissa * 2**exponent with 0.5 <= mantissa < 1; nearest on a log scale.
        self.scale_ = np.ldexp(1.0, np.where(mantissa < np.sqrt(0.5), exponent - 1, exponent))
        self.n_features_in_ = len(self.scale_)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self)
        return np.asarray(X, dtype=np.float64) / self.scale_

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names that came in: columns keep their places."""
        if input_features is None:
            input_features = [f"x{index}" for index in range(self.n_features_in_)]
        return np.asarray(input_features, dtype=object)


def scaled(estimator: Any) -> Pipeline:
    """The estimator behind its own scaler, to be fitted as one."""
    return Pipeline([("scale", PowerOfTwoScaler()), ("model", estimator)])


def final_model(estimator: Any) -> Any:
    """The model itself, without the steps before it."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def column_scale(estimator: Any, columns: int) -> NDArray[np.float64]:
    """What a fitted estimator divides its columns by, float64 `[columns]`.

    Raises:
        TypeError: It prepares its columns in another way.
    """
    if not isinstance(estimator, Pipeline):
        return np.ones(columns)
    before = [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
    scale = np.ones(columns)
    for step in before:
        if not isinstance(step, PowerOfTwoScaler):
            raise TypeError(type(step).__name__)
        scale = scale * step.scale_
    return scale
