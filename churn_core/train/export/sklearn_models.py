"""scikit-learn's models, read from their fitted attributes.

All but sums of trees compute in float64: where weighted columns nearly cancel, float32 would
keep too few digits of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.train.blend import LIMIT, SMALLEST
from churn_core.train.export.forest import Forest, Tree, add_forest, not_above
from churn_core.train.export.graph import GraphBuilder

__all__ = [
    "Linear",
    "add_linear",
    "boosted_trees",
    "forest",
    "gradient_boosting",
    "linear",
    "naive_bayes",
    "network",
    "single_tree",
]

Scale = NDArray[np.float64]

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


@dataclass(frozen=True)
class Linear:
    """Log-odds as `bias` plus the weighted sum of columns.

    Attributes:
        weights: float64 `[columns]`.
    """

    weights: NDArray[np.float64]
    bias: float


def linear(model: Any, scale: Scale) -> Linear:
    """Logistic regression and linear discriminant analysis."""
    weights = np.asarray(model.coef_, dtype=np.float64).ravel() / scale
    return Linear(weights, float(np.asarray(model.intercept_).item()))


def add_linear(graph: GraphBuilder, form: Linear) -> str:
    """Append a weighted sum, a tensor `[rows, 1]`."""
    odds = _dense(graph, graph.wide_input(), form.weights[:, None], np.array([form.bias]))
    return graph.narrow(odds)


def network(model: Any, scale: Scale, graph: GraphBuilder) -> str:
    """A multi-layer perceptron up to the log-odds that its last layer gives."""
    if model.out_activation_ != "logistic":
        raise ValueError("only binary log loss is known")
    tensor = graph.wide_input()
    for layer, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        if layer and model.activation != "identity":
            tensor = graph.node(_ACTIVATIONS[model.activation], [tensor])
        unscaled = weights / scale[:, None] if layer == 0 else weights
        tensor = _dense(graph, tensor, unscaled, bias)
    return graph.narrow(tensor)


def naive_bayes(model: Any, scale: Scale, graph: GraphBuilder) -> str:
    """Gaussian naive Bayes: a difference of sums of squared distances."""
    means, variances = model.theta_ * scale, model.var_ * scale**2
    prior = np.log(model.class_prior_[1]) - np.log(model.class_prior_[0])
    constant = prior - 0.5 * (np.log(variances[1]) - np.log(variances[0])).sum()
    squares: list[str] = []
    for mean, deviation in zip(means, np.sqrt(variances), strict=True):
        off = graph.node("Sub", [graph.wide_input(), graph.constant(mean, np.float64)])
        distance = graph.node("Mul", [off, graph.constant(1 / deviation, np.float64)])
        squares.append(graph.node("Mul", [distance, distance]))
    half = np.full((len(scale), 1), 0.5)
    return graph.narrow(_dense(graph, graph.node("Sub", squares), half, np.array([constant])))


def single_tree(model: Any, scale: Scale) -> Forest:
    """A decision tree, with the log-odds of its leaves' class shares, limited as a member's are."""
    tree = _shares(model.tree_, scale, 1)
    logs = np.log(np.maximum(tree.value, SMALLEST))
    odds = np.clip(logs[:, 1:] - logs[:, :1], -LIMIT, LIMIT)
    return Forest((replace(tree, value=odds),), 0.0)


def forest(model: Any, scale: Scale, graph: GraphBuilder) -> str:
    """Random forests and extra trees: the mean of the trees' class shares."""
    count = len(model.estimators_)
    return _from_shares(graph, [_shares(tree.tree_, scale, count) for tree in model.estimators_])


def gradient_boosting(model: Any, scale: Scale) -> Forest:
    """Boosted regression trees on top of the log-odds of the churn rate."""
    prior = np.clip(model.init_.class_prior_[1], np.finfo(np.float32).eps, 1 - np.finfo(np.float32).eps)
    return Forest(boosted_trees(model, scale), float(np.log(prior) - np.log1p(-prior)))


def boosted_trees(model: Any, scale: Scale) -> tuple[Tree, ...]:
    """The trees of a fitted booster, of a classifier or a regressor."""
    return tuple(
        _tree(stage.tree_, scale, stage.tree_.value[:, 0, :] * model.learning_rate)
        for stage in model.estimators_[:, 0]
    )


def _dense(graph: GraphBuilder, tensor: str, weights: NDArray[Any], bias: NDArray[Any]) -> str:
    return graph.node("Gemm", [tensor, graph.constant(weights, np.float64), graph.constant(bias, np.float64)])


def _tree(tree: Any, scale: Scale, value: NDArray[np.float64]) -> Tree:
    leaf = tree.children_left < 0
    feature = np.where(leaf, 0, tree.feature)
    threshold = not_above(tree.threshold * scale[feature])
    return Tree(feature, threshold, tree.children_left, tree.children_right, value)


def _shares(tree: Any, scale: Scale, count: int) -> Tree:
    classes = tree.value[:, 0, :]
    return _tree(tree, scale, classes / classes.sum(axis=1, keepdims=True) / count)


def _from_shares(graph: GraphBuilder, trees: list[Tree]) -> str:
    """Log-odds from the shares of both classes: `1 - p` would lose all digits near certainty.

    Logarithms are taken in float64: in float32 the runtime's last digit depends on the number of rows.
    """
    shares = graph.widen(add_forest(graph, trees, [0.0, 0.0]))
    logs = graph.node("Log", [graph.node("Max", [shares, graph.constant(SMALLEST, np.float64)])])
    odds = graph.node("MatMul", [logs, graph.constant([[-1.0], [1.0]], np.float64)])
    return graph.narrow(odds)
