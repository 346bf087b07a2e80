"""Synthetic customers of any schema as a data set."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from churn_core import registry
from churn_core.train.datasets import dataset
from churn_core.train.synth import synth

__all__ = ["Synthetic"]


@dataset
class Synthetic:
    """Customers drawn by `churn_core.train.synth`."""

    schema: str = "ibm-telco"
    rows: int = Field(default=10_000, ge=1)
    seed: int = Field(default=0, ge=0)

    def fetch(self, folder: Path, root: Path) -> Path:
        """Draw `customers.parquet`."""
        path = folder / "customers.parquet"
        synth(registry.get("schemas", self.schema).spec, self.rows, self.seed, path)
        return path
