"""The TelcoVision data, behind a DVC pointer: the repository holds its digest, a remote its rows."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ValidationError

from churn_core.errors import DataError
from churn_core.train.datasets import dataset
from churn_core.train.datasets.files import own_file

__all__ = ["POINTER", "TelcoVision"]

POINTER = Path("data/telcovision/telco_churn.csv.dvc")


@dataset
class TelcoVision:
    """10,000 customers of a telecom with phone and internet.

    Attributes:
        path: A copy of the CSV at hand, relative to the project's folder; empty for the
            file beside the pointer, which is pulled from the DVC remote if it is not there.
            Where there is a pointer, the copy must be the file that it names.
    """

    schema: ClassVar[str] = "telcovision"
    path: str = ""

    def fetch(self, folder: Path, root: Path) -> Path:
        """Copy the file that the pointer names, or the one at `path` where there is no pointer.

        Raises:
            DataError: The pointer is missing, the file is not the one it names, or it is
                neither here nor on a remote.
        """
        if self.path and not (root / POINTER).exists():
            return Path(shutil.copyfile(own_file(self.path, root), folder / "customers.csv"))
        pointer = _read_pointer(root / POINTER)
        source = own_file(self.path, root) if self.path else (root / POINTER).with_name(pointer.path)
        if not self.path and not pointer.describes(source):
            _pull(root)
        if not pointer.describes(source):
            raise DataError(f"{source} is not the file of {POINTER}: its MD5 is not {pointer.md5}")
        return Path(shutil.copyfile(source, folder / "customers.csv"))


class _Out(BaseModel):
    """One file as a `.dvc` pointer describes it."""

    md5: str
    size: int
    path: str

    def describes(self, file: Path) -> bool:
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() == self.md5


class _Pointer(BaseModel):
    outs: tuple[_Out]


def _read_pointer(path: Path) -> _Out:
    import yaml

    try:
        return _Pointer.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).outs[0]
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: data set 'telcovision' needs its DVC pointer") from None
    except (yaml.YAMLError, ValidationError):
        raise DataError(f"{path} is not a DVC pointer to one file") from None


def _pull(root: Path) -> None:
    if find_spec("dvc") is None:
        raise DataError(_absent("the package dvc is not installed"))
    command = [sys.executable, "-m", "dvc", "pull", str(POINTER)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        first = done.stderr.strip().partition("\n")[0]
        raise DataError(_absent("DVC says: " + re.sub(r"^(ERROR|WARNING): |[.:]( .*)?$", "", first)))


def _absent(why: str) -> str:
    return (
        f"{POINTER.with_suffix('')} is not here and could not be pulled ({why}): configure a remote that "
        "has it with `dvc remote add --default NAME URL`, or name a copy with dataset.options.path"
    )
