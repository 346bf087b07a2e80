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

__all__ = ["INPUT", "OUTPUT", "SHARES", "Graph", "SharesGraph"]

INPUT, OUTPUT, SHARES = "features", "probability", "shares"

# Shares take a few kilobytes a row on the way; so many rows at a time stay in the processor's cache.
_ROWS = 1024

_NUMBERS = {"float": "float32", "double": "float64"}


class _Session:
    """An ONNX model with input `features` float32 `[rows, columns]` and one output.

    Safe to call from several threads at once.
    """

    def __init__(self, model: bytes, file: str, columns: int, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._file = file
        try:
            self._session: Any = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 onnxruntime's own exceptions share no base class
            raise BundleError(f"{file} cannot be loaded: {type(error).__name__}") from None
        found = [(i.name, i.type, list(i.shape)[1:]) for i in self._session.get_inputs()]
        if found != [(INPUT, "tensor(float)", [columns])]:
            raise BundleError(f"{file} must take one float32 input {INPUT!r} of {columns} columns")

    def _must_give(self, name: str, kind: str, axes: list[int]) -> None:
        found = [(o.name, o.type, len(o.shape), list(o.shape)[1:]) for o in self._session.get_outputs()]
        if found != [(name, f"tensor({kind})", 1 + len(axes), axes)]:
            shape, number = ", ".join(["rows", *map(str, axes)]), _NUMBERS[kind]
            raise BundleError(f"{self._file} must give one {number} output {name!r} of shape [{shape}]")


class Graph(_Session):
    """The model: probabilities of churn, the output `probability`."""

    def __init__(self, model: bytes, columns: int, threads: int = 1) -> None:
        """Load the graph.

        Raises:
            BundleError: It is not a model, or does not have that one input and output.
        """
        super().__init__(model, "model.onnx", columns, threads)
        self._must_give(OUTPUT, "float", [])

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of churn, float32 `[rows]`."""
        if not len(matrix):
            return np.empty(0, dtype=np.float32)
        return self._session.run([OUTPUT], {INPUT: matrix})[0]


class SharesGraph(_Session):
    """The reasons: each field's share in the log-odds of churn, the output `shares`."""

    def __init__(self, model: bytes, columns: int, fields: int, threads: int = 1) -> None:
        """Load the graph.

        Raises:
            BundleError: It is not a model, or does not have that one input and output.
        """
        super().__init__(model, "reasons.onnx", columns, threads)
        self._must_give(SHARES, "double", [fields])
        self._fields = fields

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shares in log-odds, float64 `[rows, fields]`."""
        if 0 < len(matrix) <= _ROWS:
            return self._session.run([SHARES], {INPUT: matrix})[0]
        parts = [self(matrix[start : start + _ROWS]) for start in range(0, len(matrix), _ROWS)]
        return np.concatenate([np.empty((0, self._fields)), *parts])
