"""Where fetched data lie."""

from __future__ import annotations

from pathlib import Path

from churn_core.batch.rows import SUFFIXES
from churn_core.errors import DataError

__all__ = ["RAW", "SCHEMA", "raw_file"]

RAW = Path("data/raw")
SCHEMA = Path("data/schema.json")


def raw_file(root: Path = Path()) -> Path:
    """The file that was fetched.

    Raises:
        DataError: Nothing was fetched yet, or more than one file lies there.
    """
    files = sorted(path for path in (root / RAW).glob("customers.*") if path.suffix in SUFFIXES)
    if len(files) != 1:
        found = f"{len(files)} files of customers" if files else "no file of customers"
        raise DataError(f"{root / RAW} holds {found}; run `churn fetch`")
    return files[0]
