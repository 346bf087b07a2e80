"""Small projects to run the first stages in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import yaml
from click.testing import CliRunner, Result

from churn_core.cli.main import churn
from churn_core.params import Params, read_params
from churn_core.schemas import SchemaSpec, TelcoVisionCustomer
from churn_core.train.fetch import fetch
from churn_core.train.prepare import PrepareReport, prepare
from churn_core.train.synth import draw

__all__ = ["Project", "run_churn", "write_csv"]


def run_churn(*arguments: str | Path) -> Result:
    """The `churn` command in this process; output and errors apart."""
    return CliRunner().invoke(churn, [str(argument) for argument in arguments])


def write_csv(
    path: Path, spec: SchemaSpec = TelcoVisionCustomer.spec, rows: int = 400, seed: int = 0
) -> Path:
    """Drawn customers, with `true` and `false` as outcomes."""
    pc.write_csv(draw(spec, rows, seed), path)
    return path


class Project:
    """A folder with a `params.yaml` that names a CSV file."""

    def __init__(self, root: Path, source: str = "mine.csv", **sections: Any) -> None:
        self.root = root
        dataset = {"name": "csv", "options": {"path": source}, **sections.pop("dataset", {})}
        content = {"schema": "telcovision", **sections, "dataset": dataset}
        (root / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    @property
    def params(self) -> Params:
        return read_params(self.root / "params.yaml")

    def prepare(self, *overrides: str) -> PrepareReport:
        params = read_params(self.root / "params.yaml", overrides)
        fetch(params, self.root)
        return prepare(params, self.root)

    @property
    def prepared(self) -> pa.Table:
        """All of `customers.parquet`."""
        import pyarrow.parquet as pq

        return pq.read_table(self.root / "data/prepared/customers.parquet")
