"""The graph as a function from a float32 matrix to probabilities."""

from __future__ import annotations

import os
from typing import Any

# Otherwise onnxruntime writes a device id and a database into the user's home, even when its
# telemetry is switched off later. It is read once, when the library is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from churn_core.errors import BundleError

ort: Any = onnxruntime  # it ships no type stubs

__all__ = ["INPUT", "OUTPUT", "Graph"]

INPUT, OUTPUT = "features", "probability"


class Graph:
    """An ONNX model with input `features` float32 `[rows, columns]` and output `probability`.

    Safe to call from several threads at once.
    """

    def __init__(self, model: bytes, columns: int, threads: int = 1) -> None:
        """Load the graph.

        Raises:
            BundleError: It is not a model, or does not have that one input and output.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 onnxruntime's own exceptions share no base class
            raise BundleError(f"model.onnx cannot be loaded: {type(error).__name__}") from None
        self._check(columns)

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of churn, float32 `[rows]`."""
        if not len(matrix):
            return np.empty(0, dtype=np.float32)
        return self._session.run([OUTPUT], {INPUT: matrix})[0]

    def _check(self, columns: int) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = [(i.name, i.type, list(i.shape)[1:]) for i in inputs]
        if found != [(INPUT, "tensor(float)", [columns])]:
            raise BundleError(f"model.onnx must take one float32 input {INPUT!r} of {columns} columns")
        if [(o.name, o.type, len(o.shape)) for o in outputs] != [(OUTPUT, "tensor(float)", 1)]:
            raise BundleError(f"model.onnx must give one float32 output {OUTPUT!r} of shape [rows]")
