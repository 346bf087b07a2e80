"""Trees of any library as one ONNX operator that takes exactly the same branches.

The operator compares float32 features with float32 thresholds. A library that compares in
float64 asks `x <= t`; for a float32 `x` that is the same as `x <= t'`, with `t'` the largest
float32 that does not exceed `t`. Rounding to the nearest, as converters do, is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.session import INPUT
from churn_core.train.export.graph import ML, GraphBuilder

__all__ = ["Forest", "Tree", "add_forest", "below", "not_above"]


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is its root.

    Attributes:
        feature: int64 `[nodes]`: the column asked.
        threshold: float32 `[nodes]`: left if the column is not above it.
        left: int64 `[nodes]`: the next node, or -1 at a leaf.
        value: float64 `[nodes, outputs]`, read at leaves.
        targets: The outputs that `value` adds to; all of them where empty.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    targets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Forest:
    """Log-odds as `base` plus the sum of trees of one output."""

    trees: tuple[Tree, ...]
    base: float


def not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 values that do not exceed `thresholds`."""
    nearest = thresholds.astype(np.float32)
    lower = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, lower, nearest)


def below(thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest float32 values less than `thresholds`: turns `x < t` into `x <= t'`."""
    return np.nextafter(thresholds.astype(np.float32), np.float32(-np.inf))


def add_forest(graph: GraphBuilder, trees: Sequence[Tree], base: Sequence[float]) -> str:
    """Append the sum of all trees plus `base`, a tensor `[rows, outputs]`.

    Trees are added up in groups, then the groups: a float32 sum of hundreds of trees, one after
    the other, would lose a digit. Groups lie along the last axis and their number is a multiple
    of 8, so that the runtime adds in the same order for one row as for many.
    """
    outputs, sums = len(base), _sums(len(trees))
    sizes = np.array([len(tree.left) for tree in trees])
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    left = np.concatenate([tree.left for tree in trees])
    leaf = left < 0
    total = graph.node(
        "TreeEnsembleRegressor",
        [INPUT],
        domain=ML,
        n_targets=sums * outputs,
        base_values=np.pad(np.reshape(base, (-1, 1)).astype(float), ((0, 0), (0, sums - 1))).ravel().tolist(),
        nodes_treeids=tree_ids.tolist(),
        nodes_nodeids=node_ids.tolist(),
        nodes_featureids=np.where(leaf, 0, np.concatenate([t.feature for t in trees])).tolist(),
        nodes_values=np.where(leaf, 0, np.concatenate([t.threshold for t in trees])).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_truenodeids=np.where(leaf, 0, left).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, np.concatenate([t.right for t in trees])).tolist(),
        **_leaves(trees, outputs, sums),
    )
    if sums == 1:
        return total
    grouped = graph.node("Reshape", [total, graph.constant([-1, outputs, sums])])
    return graph.node("ReduceSum", [grouped, graph.constant([2])], keepdims=0)


def _leaves(trees: Sequence[Tree], outputs: int, sums: int) -> dict[str, list[Any]]:
    """What each leaf adds to which sum of which output."""
    places: list[NDArray[np.int64]] = []
    weights: list[NDArray[np.float32]] = []
    for index, tree in enumerate(trees):
        leaves = np.flatnonzero(tree.left < 0)
        own = np.array(tree.targets or range(outputs)) * sums + index % sums
        pairs = np.broadcast_arrays(index, leaves[:, None], own)
        places.append(np.stack(pairs, axis=-1).reshape(-1, 3))
        weights.append(tree.value[leaves].astype(np.float32).ravel())
    tree_ids, node_ids, target_ids = np.concatenate(places).T.tolist()
    return {
        "target_treeids": tree_ids,
        "target_nodeids": node_ids,
        "target_ids": target_ids,
        "target_weights": np.concatenate(weights).tolist(),
    }


def _sums(trees: int) -> int:
    """Groups of about 32 trees; one group for a few."""
    return 1 if trees <= 32 else 8 * -(-trees // 256)
