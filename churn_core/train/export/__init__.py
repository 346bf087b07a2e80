"""Fitted ensembles as one ONNX graph that computes the same numbers.

Every model has its own exact form here, written from its fitted attributes. A converter that
rounds a threshold the wrong way sends customers down the other branch without any error; so
there is no general converter to fall back on, and `churn_core.train.parity` measures every
export on every row.
"""

from __future__ import annotations

from churn_core.train.export.ensemble import additive_form, export_graph

__all__ = ["additive_form", "export_graph"]
