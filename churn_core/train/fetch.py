"""The first stage: bring the data set into `data/raw`, as it circulates.

It also writes `data/schema.json`, so that a change of the schema, wherever its class is
installed, makes the later stages run again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from churn_core import registry
from churn_core.batch.rows import SUFFIXES
from churn_core.errors import ChurnError, DataError, ParamsError, PluginError
from churn_core.params import Params
from churn_core.protocols import Dataset
from churn_core.schemas import SchemaSpec
from churn_core.train.datasets import open_dataset
from churn_core.train.raw import RAW, SCHEMA, raw_file

__all__ = ["fetch"]


def fetch(params: Params, root: Path = Path()) -> Path:
    """Fetch the data set of `params.yaml`; what `data/raw` held before is replaced.

    Returns:
        The file, `customers.csv`, `.jsonl` or `.parquet` in `data/raw`.

    Raises:
        DataError: The data cannot be had.
        ParamsError: The data set's options are wrong, or it holds customers of another schema.
        PluginError: The data set or the schema is unknown or broken.
    """
    spec: SchemaSpec = registry.get("schemas", params.schema_name).spec
    dataset = open_dataset(params.dataset)
    if dataset.schema and dataset.schema != spec.name:
        raise ParamsError(
            f"data set {params.dataset.name!r} holds customers of schema {dataset.schema!r}, "
            f"but params.schema is {spec.name!r}"
        )
    (root / RAW).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=(root / RAW).parent, prefix=".fetch-") as folder:
        file = _write(dataset, params.dataset.name, Path(folder), root)
        _clear(root / RAW)
        file.replace(root / RAW / f"customers{file.suffix.replace('.ndjson', '.jsonl')}")
    (root / SCHEMA).write_text(spec.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return raw_file(root)


def _clear(folder: Path) -> None:
    """Make room for the new file; what somebody else has put here is not thrown away."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.stem != "customers" or path.suffix not in SUFFIXES:
            raise DataError(
                f"{path} was not fetched, and {folder} is for fetched data alone: move it elsewhere"
            )
        path.unlink()


def _write(dataset: Dataset, name: str, folder: Path, root: Path) -> Path:
    """Let the data set write its file into `folder`."""
    try:
        path = dataset.fetch(folder, root)
    except ChurnError:
        raise
    except OSError as error:
        raise DataError(f"data set {name!r} cannot be fetched: {error}") from error
    except Exception as error:
        raise PluginError(f"data set {name!r} failed: {type(error).__name__}: {error}") from error
    if [path] != list(folder.iterdir()) or path.suffix not in SUFFIXES:
        raise PluginError(f"data set {name!r} must write one file, one of {', '.join(SUFFIXES)}")
    return path
