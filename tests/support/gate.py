"""Held-out customers whose outcomes follow a bundle's own probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_core.bundle import Scorer, read_bundle
from churn_core.features import read_columns
from churn_core.gate import EvaluationData
from churn_core.params import CheckParams, GateParams
from churn_core.train.synth import draw

__all__ = ["HOLDOUT", "evaluation", "opened", "policy"]

# What hand-made bundles carry in their lineage.
HOLDOUT = "0" * 64


def opened(folder: Path) -> Scorer:
    return Scorer(read_bundle(folder))


def evaluation(
    truth: Scorer, rows: int = 1500, seed: int = 0, digest: str = HOLDOUT, split_seed: int = 0
) -> EvaluationData:
    """Customers drawn at random; each churns with the probability that `truth` gives him."""
    spec = truth.bundle.schema_spec
    table: pa.Table = draw(spec, rows, seed).drop_columns([spec.label.name])
    probabilities = truth.probabilities(read_columns(spec, table).raw)
    labels = (np.random.default_rng(seed).random(rows) < probabilities).astype(np.int64)
    return EvaluationData(table, labels, digest, split_seed)


def policy(**checks: dict[str, object]) -> GateParams:
    """A policy of the named checks; `_` in a name stands for `-`."""
    return GateParams(
        checks=tuple(CheckParams(name=n.replace("_", "-"), options=o) for n, o in checks.items())
    )
