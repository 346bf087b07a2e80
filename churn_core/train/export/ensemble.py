"""Members, blend and calibration put together into one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration
from churn_core.errors import ExportError
from churn_core.protocols import Member
from churn_core.train.blend import LIMIT
from churn_core.train.export import boosters, sklearn_models
from churn_core.train.export.forest import Forest, add_forest
from churn_core.train.export.graph import GraphBuilder
from churn_core.train.export.sklearn_models import Linear, add_linear
from churn_core.train.scaling import column_scale, final_model

__all__ = ["additive_form", "export_graph"]

Scale = NDArray[np.float64]

# Models whose log-odds are a plain sum: read first, then written. All were fitted on columns
# divided by the given scale. By package and class, so that no library is imported to find out
# that it is not in use.
_ADDITIVE: dict[str, Callable[[Any, Scale], Forest | Linear]] = {
    "sklearn.LogisticRegression": sklearn_models.linear,
    "sklearn.LinearDiscriminantAnalysis": sklearn_models.linear,
    "sklearn.DecisionTreeClassifier": sklearn_models.single_tree,
    "sklearn.GradientBoostingClassifier": sklearn_models.gradient_boosting,
    "lightgbm.LGBMClassifier": boosters.lightgbm,
    "xgboost.XGBClassifier": boosters.xgboost,
    "catboost.CatBoostClassifier": boosters.catboost,
}

# The others append their log-odds, a tensor `[rows, 1]`, and return its name.
_OTHERS: dict[str, Callable[[Any, Scale, GraphBuilder], str]] = {
    "sklearn.GaussianNB": sklearn_models.naive_bayes,
    "sklearn.MLPClassifier": sklearn_models.network,
    "sklearn.RandomForestClassifier": sklearn_models.forest,
    "sklearn.ExtraTreesClassifier": sklearn_models.forest,
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
    weights = np.array([[member.weight] for member in members])
    score = _calibrated(graph, limited, weights, calibration)
    probability = graph.node("Sigmoid", [score])
    return graph.finish(graph.node("Squeeze", [probability, graph.constant([1])]))


def _calibrated(
    graph: GraphBuilder, odds: str, weights: NDArray[np.float64], calibration: Calibration
) -> str:
    """Calibrated log-odds `[rows, 1]` of the members' log-odds; see `Calibration`."""
    if calibration.bend:
        score = graph.node("MatMul", [odds, graph.constant(weights)])
        odds = graph.node("Concat", [score, _softplus(graph, score)], axis=1)
        weights = np.array([[calibration.slope], [calibration.bend]])
    else:
        weights = weights * calibration.slope
    return graph.node("Gemm", [odds, graph.constant(weights), graph.constant([calibration.intercept])])


def _softplus(graph: GraphBuilder, odds: str) -> str:
    """`log(1 + e^odds)`; the operator of that name gives one row other bits than many."""
    nearer = graph.node("Sigmoid", [graph.node("Abs", [odds])])
    above = graph.widen(graph.node("Relu", [odds]))
    return graph.narrow(graph.node("Sub", [above, graph.node("Log", [graph.widen(nearer)])]))


def additive_form(member: Member, columns: int) -> Forest | Linear | None:
    """A member's log-odds, not yet limited, as a sum of trees or of columns, if they are one.

    Raises:
        ExportError: It has no exact form.
    """
    read = _ADDITIVE.get(_kind(member))
    if read is None:
        return None
    with _refusing(member):
        return read(final_model(member.estimator), column_scale(member.estimator, columns))


def _convert(member: Member, graph: GraphBuilder) -> str:
    form = additive_form(member, graph.columns)
    if isinstance(form, Forest):
        return add_forest(graph, form.trees, [form.base])
    if isinstance(form, Linear):
        return add_linear(graph, form)
    converter = _OTHERS.get(_kind(member))
    if converter is None:
        raise _refusal(member, f"{_kind(member)} has no exact ONNX form")
    with _refusing(member):
        return converter(final_model(member.estimator), column_scale(member.estimator, graph.columns), graph)


def _kind(member: Member) -> str:
    model = final_model(member.estimator)
    return f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"


@contextmanager
def _refusing(member: Member) -> Iterator[None]:
    try:
        yield
    except TypeError as error:
        raise _refusal(member, f"its preparation by {error} has no exact ONNX form") from None
    except ValueError as error:
        raise _refusal(member, str(error)) from None


def _refusal(member: Member, reason: str) -> ExportError:
    return ExportError(f"model {member.name!r} cannot be exported exactly: {reason}")
