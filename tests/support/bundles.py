"""Real bundles without training: a logistic graph with chosen weights, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from churn_core.bundle import Bundle, decision_policy, write_bundle
from churn_core.bundle.manifest import Calibration, DerivedRef, Interval, Lineage, Manifest, MemberRef, Parity
from churn_core.features import Encoder, RawReader, derived_features, reference
from churn_core.params import CostParams
from churn_core.schemas import IbmTelcoCustomer, SchemaSpec, customer_class

# Log-odds that make a plausible churn model of the IBM data.
WEIGHTS: dict[str, float] = {
    "contract=Month-to-month": 1.2,
    "contract=Two year": -1.1,
    "internet_service=Fiber optic": 0.8,
    "payment_method=Electronic check": 0.4,
    "tenure_months": -0.03,
    "paperless_billing": 0.3,
}


def logistic_graph(names: Sequence[str], weights: Mapping[str, float], intercept: float) -> bytes:
    """An ONNX graph for `sigmoid(features @ weights + intercept)`."""
    column = np.array([[weights.get(name, 0.0)] for name in names], dtype=np.float32)
    nodes = [
        helper.make_node("Gemm", ["features", "w", "b"], ["scores"]),
        helper.make_node("Sigmoid", ["scores"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["probability"]),
    ]
    constants = [
        numpy_helper.from_array(column, "w"),
        numpy_helper.from_array(np.array([intercept], dtype=np.float32), "b"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
    ]
    taken = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(names)])
    given = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "churn", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def logistic_bundle(
    folder: Path,
    spec: SchemaSpec = IbmTelcoCustomer.spec,
    weights: Mapping[str, float] = WEIGHTS,
    intercept: float = -1.2,
    derived: Sequence[str] = (),
    **changes: Any,
) -> Bundle:
    """Write a bundle whose model is the given logistic one; `changes` replace manifest fields."""
    parts = derived_features(derived)
    encoder = Encoder(spec, parts)
    example = customer_class(spec).parse(spec.example())
    raw = RawReader(spec).read([example] * 2)
    manifest = Manifest(
        name="telco-churn-prediction",
        schema=spec,
        schema_fingerprint=spec.fingerprint,
        features=encoder.names,
        derived=tuple(DerivedRef(name=name, version=part.version) for name, part in parts),
        reference=reference(raw),
        trainer="hand-made",
        members=(MemberRef(name="logistic", weight=1.0),),
        calibration=Calibration(method="none", slope=1.0, intercept=0.0),
        decision=decision_policy(CostParams()),
        metrics={"roc_auc": Interval(value=0.84, low=0.83, high=0.85)},
        parity=Parity(rows=2, max_difference=0.0, tolerance=1e-6),
        lineage=Lineage(
            dataset="none",
            train_digest="0" * 64,
            train_rows=2,
            churn_rate=0.5,
            holdout_digest="0" * 64,
            holdout_rows=0,
            split_seed=0,
            params_digest="0" * 64,
            git_commit="c" * 40,
        ),
    )
    manifest = manifest.model_copy(update=changes)
    return write_bundle(folder, manifest, logistic_graph(encoder.names, weights, intercept))
