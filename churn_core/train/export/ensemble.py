"""Members, blend and calibration put together into one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration
from churn_core.errors import ExportError
from churn_core.protocols import Member
from churn_core.train.blend import LIMIT
from churn_core.train.export import boosters, sklearn_models
from churn_core.train.export.graph import GraphBuilder
from churn_core.train.scaling import column_scale, final_model

__all__ = ["export_graph"]

# Appends a fitted model's log-odds, a tensor `[rows, 1]`, and returns its name. The model was
# fitted on columns divided by the given scale.
Converter = Callable[[Any, NDArray[np.float64], GraphBuilder], str]

# By package and class, so that no library is imported to find out that it is not in use.
_CONVERTERS: dict[str, Converter] = {
    "sklearn.LogisticRegression": sklearn_models.linear,
    "sklearn.LinearDiscriminantAnalysis": sklearn_models.linear,
    "sklearn.GaussianNB": sklearn_models.naive_bayes,
    "sklearn.MLPClassifier": sklearn_models.network,
    "sklearn.DecisionTreeClassifier": sklearn_models.single_tree,
    "sklearn.RandomForestClassifier": sklearn_models.forest,
    "sklearn.ExtraTreesClassifier": sklearn_models.forest,
    "sklearn.GradientBoostingClassifier": sklearn_models.gradient_boosting,
    "lightgbm.LGBMClassifier": boosters.lightgbm,
    "xgboost.XGBClassifier": boosters.xgboost,
    "catboost.CatBoostClassifier": boosters.catboost,
}


def export_graph(members: Sequence[Member], calibration: Calibration, columns: int) -> bytes:
    """One ONNX model: float32 `features` `[rows, columns]` to calibrated `probability` `[rows]`.

    Raises:
        ExportError: A member has no exact form.
    """
    graph = GraphBuilder(columns)
    odds = [_convert(member, graph) for member in members]
    joined = graph.node("Concat", odds, axis=1) if len(odds) > 1 else odds[0]
    limited = graph.node("Clip", [joined, graph.constant(-LIMIT), graph.constant(LIMIT)])
    weights = np.array([[member.weight * calibration.slope] for member in members])
    score = graph.node("Gemm", [limited, graph.constant(weights), graph.constant([calibration.intercept])])
    probability = graph.node("Sigmoid", [score])
    return graph.finish(graph.node("Squeeze", [probability, graph.constant([1])]))


def _convert(member: Member, graph: GraphBuilder) -> str:
    model = final_model(member.estimator)
    kind = f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"
    converter = _CONVERTERS.get(kind)
    if converter is None:
        raise _refusal(member, f"{kind} has no exact ONNX form")
    try:
        return converter(model, column_scale(member.estimator, graph.columns), graph)
    except TypeError as error:
        raise _refusal(member, f"its preparation by {error} has no exact ONNX form") from None
    except ValueError as error:
        raise _refusal(member, str(error)) from None


def _refusal(member: Member, reason: str) -> ExportError:
    return ExportError(f"model {member.name!r} cannot be exported exactly: {reason}")
