"""Changes to a bundle's graph that no export would make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from churn_core.bundle import Manifest

__all__ = ["answer", "calibration", "double", "for_group", "heavy", "slow", "swap"]


def calibration(**changes: float) -> Callable[[Any, Manifest], Any]:
    """Bend the answers by `sigmoid(slope * logit(p) + shift)`."""

    def bend(model: Any, _: Manifest) -> Any:
        slope, shift = changes.get("slope", 1.0), changes.get("shift", 0.0)
        nodes = [
            helper.make_node("Clip", ["was", "tiny", "near"], ["clipped"]),
            helper.make_node("Sub", ["one", "clipped"], ["rest"]),
            helper.make_node("Div", ["clipped", "rest"], ["odds"]),
            helper.make_node("Log", ["odds"], ["logit"]),
            helper.make_node("Mul", ["logit", "slope"], ["steep"]),
            helper.make_node("Add", ["steep", "shift"], ["moved"]),
            helper.make_node("Sigmoid", ["moved"], ["probability"]),
        ]
        numbers = {"tiny": 1e-6, "near": 1 - 1e-6, "one": 1.0, "slope": slope, "shift": shift}
        return _after(model, nodes, numbers)

    return bend


def for_group(feature: str, shift: float) -> Callable[[Any, Manifest], Any]:
    """Add to the log-odds of those who have a feature."""

    def add(model: Any, manifest: Manifest) -> Any:
        place = list(manifest.features).index(feature)
        nodes = [
            helper.make_node("Gather", ["features", "place"], ["has"], axis=1),
            helper.make_node("Mul", ["has", "shift"], ["extra"]),
            helper.make_node("Clip", ["was", "tiny", "near"], ["clipped"]),
            helper.make_node("Sub", ["one", "clipped"], ["rest"]),
            helper.make_node("Div", ["clipped", "rest"], ["odds"]),
            helper.make_node("Log", ["odds"], ["logit"]),
            helper.make_node("Add", ["logit", "extra"], ["moved"]),
            helper.make_node("Sigmoid", ["moved"], ["probability"]),
        ]
        numbers = {"shift": shift, "tiny": 1e-6, "near": 1 - 1e-6, "one": 1.0}
        model = _after(model, nodes, numbers)
        model.graph.initializer.append(numpy_helper.from_array(np.array(place, dtype=np.int64), "place"))
        return model

    return add


def _after(model: Any, nodes: Sequence[Any], numbers: Mapping[str, float]) -> Any:
    """Nodes that make `probability` of what was it, now `was`."""
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == "probability":
                node.output[place] = "was"
    model.graph.node.extend(nodes)
    for name, number in numbers.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(number, dtype=np.float32), name))
    return model


def answer(operator: str, *numbers: float) -> Callable[[Any, Manifest], Any]:
    """Put the answers through one more operator."""

    def change(model: Any, _: Manifest) -> Any:
        names = [f"n{place}" for place in range(len(numbers))]
        node = helper.make_node(operator, ["was", *names], ["probability"])
        return _after(model, [node], dict(zip(names, numbers, strict=True)))

    return change


def swap(model: Any, manifest: Manifest) -> Any:
    """The graph reads the columns in another order."""
    order = np.arange(len(manifest.features))[::-1].copy()
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "features":
                node.input[place] = "swapped"
    model.graph.node.insert(0, helper.make_node("Gather", ["features", "order"], ["swapped"], axis=1))
    model.graph.initializer.append(numpy_helper.from_array(order, "order"))
    return model


def double(model: Any, _: Manifest) -> Any:
    """The graph wants float64."""
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "features":
                node.input[place] = "single"
    cast_node = helper.make_node("Cast", ["features"], ["single"], to=TensorProto.FLOAT)
    model.graph.node.insert(0, cast_node)
    return model


def heavy(model: Any, _: Manifest) -> Any:
    """Sixty megabytes that nobody needs, read in every call."""
    ballast = np.random.default_rng(0).normal(size=(4000, 4000)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(ballast, "ballast"))
    nodes = [
        helper.make_node("ReduceMax", ["ballast"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
        helper.make_node("Add", ["was", "nothing"], ["probability"]),
    ]
    return _after(model, nodes, {"zero": 0.0})


def slow(model: Any, _: Manifest) -> Any:
    """A product of large matrices in every call."""
    square = np.full((1200, 1200), 1e-9, dtype=np.float32)
    model.graph.initializer.append(numpy_helper.from_array(square, "square"))
    nodes = [
        helper.make_node("ReduceMax", ["was"], ["top"], keepdims=0),
        helper.make_node(
            "Mul", ["square", "top"], ["scaled"]
        ),  # or the runtime would do it once, when it loads
        helper.make_node("MatMul", ["scaled", "square"], ["product"]),
        helper.make_node("ReduceMax", ["product"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
        helper.make_node("Add", ["was", "nothing"], ["probability"]),
    ]
    return _after(model, nodes, {"zero": 0.0})
