"""A small bundle and customers to try a gate's check on, without training anything."""

# pyright: basic
# onnx and pyarrow ship no type stubs.

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_core.schemas import Customer, IbmTelcoCustomer, SchemaSpec, customer_class

if TYPE_CHECKING:
    from churn_core.bundle import Bundle, Manifest
    from churn_core.gate import Evidence

__all__ = ["example_evidence", "write_example_bundle"]

_DIGEST = "0" * 64


def example_evidence(
    schema: type[Customer] | SchemaSpec = IbmTelcoCustomer,
    *,
    champion: bool = False,
    rows: int = 500,
    seed: int = 0,
) -> Evidence:
    """What a check is asked about: a candidate, and drawn customers whose outcomes follow it.

    Args:
        champion: Whether there is a model in production; it is the same as the candidate.
        rows: How many customers are held out; as many are there to fit on.
    """
    import numpy as np

    from churn_core.bundle import Scorer
    from churn_core.features import read_columns
    from churn_core.gate.evidence import EvaluationData, Evidence, contender
    from churn_core.params import GateParams
    from churn_core.train.synth import draw

    spec = schema if isinstance(schema, SchemaSpec) else schema.spec
    with tempfile.TemporaryDirectory() as folder:
        scorer = Scorer(write_example_bundle(Path(folder), spec))
    customers: Any = draw(spec, 2 * rows, seed).drop_columns([spec.label.name])
    chance = scorer.probabilities(read_columns(spec, customers).raw)
    labels = (np.random.default_rng(seed).random(2 * rows) < chance).astype(np.int64)
    training, data = (
        EvaluationData(customers.slice(start, rows), labels[start : start + rows], _DIGEST, split_seed=0)
        for start in (0, rows)
    )
    model = contender(scorer)
    return Evidence(model, model if champion else None, data, GateParams(), training)


def write_example_bundle(folder: Path, schema: type[Customer] | SchemaSpec = IbmTelcoCustomer) -> Bundle:
    """A bundle with a logistic model whose weights are made up. Needs the extra `native`."""
    from churn_core.bundle import write_bundle
    from churn_core.features import Encoder

    spec = schema if isinstance(schema, SchemaSpec) else schema.spec
    encoder = Encoder(spec)
    return write_bundle(folder, _manifest(spec, encoder.names), _graph(_weights(spec, encoder.names)))


def _weights(spec: SchemaSpec, names: tuple[str, ...]) -> list[float]:
    """Alternating signs, of a size that a customer's whole range moves the log-odds by about one."""
    weights = [0.8 if index % 2 else -0.8 for index in range(len(names))]
    for field in spec.fields:
        if field.role == "numeric":
            low, high = field.bounds
            weights[names.index(field.name)] /= high - low
    return weights


def _graph(weights: list[float]) -> bytes:
    """`sigmoid(features @ weights - 0.5)` as ONNX."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
        helper.make_node("Sigmoid", ["scores"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["probability"]),
    ]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, [len(weights), 1], weights),
        helper.make_tensor("bias", TensorProto.FLOAT, [1], [-0.5]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    taken = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])
    given = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "churn", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _manifest(spec: SchemaSpec, names: tuple[str, ...]) -> Manifest:
    from churn_core.bundle import Manifest, decision_policy
    from churn_core.bundle.manifest import Calibration, Interval, Lineage, MemberRef, Parity
    from churn_core.features import RawReader, reference
    from churn_core.params import CostParams

    example = customer_class(spec).parse(spec.example())
    return Manifest(
        name="example",
        schema=spec,
        schema_fingerprint=spec.fingerprint,
        features=names,
        reference=reference(RawReader(spec).read([example, example])),
        trainer="none",
        members=(MemberRef(name="logistic", weight=1.0),),
        calibration=Calibration(method="none", slope=1.0, intercept=0.0),
        decision=decision_policy(CostParams()),
        metrics={"roc_auc": Interval(value=0.85, low=0.75, high=0.95)},
        parity=Parity(rows=2, max_difference=0.0, tolerance=1e-6),
        lineage=Lineage(
            dataset="none",
            train_digest=_DIGEST,
            train_rows=2,
            churn_rate=0.5,
            holdout_digest=_DIGEST,
            holdout_rows=0,
            split_seed=0,
            params_digest=_DIGEST,
            git_commit="0" * 40,
        ),
    )
