"""Gradient boosting libraries, read from their own text forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.train.export.forest import Forest, Tree, below, not_above

__all__ = ["catboost", "lightgbm", "xgboost"]

Scale = NDArray[np.float64]


def lightgbm(model: Any, scale: Scale) -> Forest:
    """LightGBM compares in float64 with `<=`; its first tree holds the base."""
    content = model.booster_.dump_model()
    if content["objective"] != "binary sigmoid:1" or content["average_output"]:
        raise ValueError("only binary log loss is known")
    return Forest(tuple(_lightgbm_tree(t["tree_structure"], scale) for t in content["tree_info"]), 0.0)


def xgboost(model: Any, scale: Scale) -> Forest:
    """XGBoost compares in float32 with `<`; its base is a probability."""
    learner = json.loads(model.get_booster().save_raw(raw_format="json"))["learner"]
    if learner["objective"]["name"] != "binary:logistic" or learner["gradient_booster"]["name"] != "gbtree":
        raise ValueError("only trees for binary log loss are known")
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    trees = tuple(_xgboost_tree(tree, scale) for tree in learner["gradient_booster"]["model"]["trees"])
    return Forest(trees, float(np.log(base) - np.log1p(-base)))


def catboost(model: Any, scale: Scale) -> Forest:
    """CatBoost's trees ask one question a level, in float32, and go right where `x > border`."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(str(path), format="json")
        content = json.loads(path.read_text())
    if "oblivious_trees" not in content:
        raise ValueError("only symmetric trees are known")
    factor, (bias,) = content["scale_and_bias"]
    return Forest(tuple(_catboost_tree(t, scale, factor) for t in content["oblivious_trees"]), bias)


def _lightgbm_tree(root: Mapping[str, Any], scale: Scale) -> Tree:
    nodes = list(_walk(root))
    place = {id(node): index for index, node in enumerate(nodes)}
    split = [node for node in nodes if "left_child" in node]
    if any(node["decision_type"] != "<=" or node["missing_type"] != "None" for node in split):
        raise ValueError("categorical splits and missing values are not known")
    feature = np.array([node.get("split_feature", 0) for node in nodes])
    threshold = np.array([node.get("threshold", 0.0) for node in nodes]) * scale[feature]
    left, right = (
        np.array([place[id(node[side])] if side in node else -1 for node in nodes])
        for side in ("left_child", "right_child")
    )
    value = np.array([[node.get("leaf_value", 0.0)] for node in nodes])
    return Tree(feature, not_above(threshold), left, right, value)


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    if "left_child" in node:
        yield from _walk(node["left_child"])
        yield from _walk(node["right_child"])


def _xgboost_tree(tree: Mapping[str, Any], scale: Scale) -> Tree:
    if any(tree["split_type"]):
        raise ValueError("categorical splits are not known")
    feature = np.array(tree["split_indices"])
    condition = np.array(tree["split_conditions"], dtype=np.float32)  # a leaf's value stands here too
    threshold = (condition * scale[feature]).astype(np.float32)
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    return Tree(feature, below(threshold), left, right, condition[:, None].astype(np.float64))


def _catboost_tree(tree: Mapping[str, Any], scale: Scale, factor: float) -> Tree:
    splits = tree.get("splits") or []
    if any(split["split_type"] != "FloatFeature" for split in splits):
        raise ValueError("categorical splits are not known")
    depth = len(splits)
    inner, count = 2**depth - 1, 2 ** (depth + 1) - 1
    # Node n asks the question of its level and leads to 2n + 1 and 2n + 2, as in a heap.
    level = np.array([int(n + 1).bit_length() - 1 for n in range(inner)], dtype=np.int64)
    features = np.array([split["float_feature_index"] for split in splits], dtype=np.int64)
    borders = np.array([split["border"] for split in splits], dtype=np.float32) * scale[features]
    feature, threshold = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.float32)
    feature[:inner], threshold[:inner] = features[level], borders.astype(np.float32)[level]
    left, right = np.full(count, -1), np.full(count, -1)
    left[:inner], right[:inner] = 2 * np.arange(inner) + 1, 2 * np.arange(inner) + 2
    value = np.zeros((count, 1))
    # The question of level i is bit i of a leaf's number: the reverse of its path.
    order = [int(f"{leaf:0{depth}b}"[::-1], 2) if depth else 0 for leaf in range(2**depth)]
    value[inner:, 0] = np.asarray(tree["leaf_values"])[order] * factor
    return Tree(feature, threshold, left, right, value)
