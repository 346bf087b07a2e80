"""An ONNX graph under construction, written so that equal input gives equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from churn_core.bundle.session import INPUT, OUTPUT

__all__ = ["ML", "GraphBuilder"]

ML = "ai.onnx.ml"

# The oldest versions that hold every operator in use: read by every runtime since 2022.
_OPSET, _ML_OPSET, _IR = 17, 3, 8


class GraphBuilder:
    """Collects nodes and constants; tensors go by generated names.

    Attributes:
        columns: Width of the input.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._wide = ""

    def node(self, operator: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Append a node.

        Returns:
            The name of its one output.
        """
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, value: Any, kind: type = np.float32) -> str:
        """Append a constant: integers as int64, all else as `kind`.

        Returns:
            Its name.
        """
        array: NDArray[Any] = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else kind)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def wide_input(self) -> str:
        """The input in float64, for sums whose terms are large where the sum is not."""
        self._wide = self._wide or self.widen(INPUT)
        return self._wide

    def narrow(self, tensor: str) -> str:
        """A float64 tensor in float32."""
        return self.node("Cast", [tensor], to=TensorProto.FLOAT)

    def widen(self, tensor: str) -> str:
        """A float32 tensor in float64."""
        return self.node("Cast", [tensor], to=TensorProto.DOUBLE)

    def split(self, tensor: str, widths: Sequence[int]) -> tuple[str, ...]:
        """A tensor `[rows, columns]` cut into tensors of these widths."""
        names = tuple(f"t{len(self._nodes)}_{part}" for part in range(len(widths)))
        inputs = [tensor, self.constant(widths)]
        self._nodes.append(helper.make_node("Split", inputs, names, axis=1))
        return names

    def whole(self, tensor: str) -> str:
        """Whole numbers as int64."""
        return self.node("Cast", [tensor], to=TensorProto.INT64)

    def finish(
        self, result: str, name: str = OUTPUT, axes: Sequence[int] = (), kind: type = np.float32
    ) -> bytes:
        """The model, with tensor `result` of shape `[rows, *axes]` as its output."""
        self._nodes.append(helper.make_node("Identity", [result], [name]))
        given_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        taken = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, self.columns])
        given = helper.make_tensor_value_info(name, given_type, [None, *axes])
        graph = helper.make_graph(self._nodes, "churn", [taken], [given], self._constants)
        domains = {node.domain for node in self._nodes}
        opsets = [helper.make_opsetid("", _OPSET)]
        opsets += [helper.make_opsetid(ML, _ML_OPSET)] if ML in domains else []
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="churn")
        checker.check_model(model)
        return model.SerializeToString(deterministic=True)
