"""A team's own file, in any schema."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from churn_core.batch.rows import CsvRows, ParquetRows, check_file, check_utf8
from churn_core.errors import DataError
from churn_core.train.datasets import dataset
from churn_core.train.raw import RAW

__all__ = ["CsvFile", "ParquetFile", "own_file"]


def own_file(path: str, root: Path) -> Path:
    """A file that somebody names in an option.

    Raises:
        DataError: It is missing, a folder or empty, or lies where fetched data are put.
    """
    source = root / path
    check_file(source)
    if source.resolve().is_relative_to((root / RAW).resolve()):
        raise DataError(f"{source} lies in {RAW}, which fetching replaces: move it elsewhere")
    return source


@dataset
class CsvFile:
    """Customers in a CSV file: commas, UTF-8, one header line.

    Attributes:
        path: The file, relative to the project's folder.
    """

    schema: ClassVar[str] = ""
    path: str

    def fetch(self, folder: Path, root: Path) -> Path:
        """Copy the file as it is.

        Raises:
            DataError: It is missing, a folder, empty, not UTF-8, or not separated by commas.
        """
        source = own_file(self.path, root)
        check_utf8(source)
        CsvRows(source)
        return Path(shutil.copyfile(source, folder / "customers.csv"))


@dataset
class ParquetFile:
    """Customers in a Parquet file.

    Attributes:
        path: The file, relative to the project's folder.
    """

    schema: ClassVar[str] = ""
    path: str

    def fetch(self, folder: Path, root: Path) -> Path:
        """Copy the file as it is.

        Raises:
            DataError: It is missing, a folder, empty, or not Parquet.
        """
        source = own_file(self.path, root)
        ParquetRows(source)
        return Path(shutil.copyfile(source, folder / "customers.parquet"))
