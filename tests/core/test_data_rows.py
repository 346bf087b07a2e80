"""Files of rows: what is read, and what is refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_core.batch.rows import open_rows
from churn_core.errors import DataError
from churn_core.schemas import FieldProblem


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_with_byte_order_mark_quotes_and_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b'\xef\xbb\xbfid,name\r\n1,"M\xc3\xbcller, \xc3\x84"\r\n\r\n2,\r\n')
    rows = open_rows(path)
    assert rows.header == ("id", "name")
    assert list(rows) == [["1", "Müller, Ä"], ["2", ""]]
    assert list(rows) == list(rows)  # can be read again


def test_json_lines_take_the_columns_of_all_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl", '{"id": 1}\n\n{"id": 2, "n": null}\n[1]\n{"id": 3, "n": 1.5}\n{"id"\n'
    )
    rows = open_rows(path)
    assert rows.header == ("id", "n")
    first, second, third, fourth, fifth = rows
    assert (first, second, fourth) == ([1, None], [2, None], [3, 1.5])
    for wrong in (third, fifth):
        assert isinstance(wrong, FieldProblem)
        assert wrong.message == "is not a JSON object"


def test_parquet_gives_python_values(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "n": [1, None], "kind": pa.array(["x", "y"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = open_rows(tmp_path / "a.parquet")
    assert rows.header == ("id", "n", "kind")
    assert list(rows) == [("a", 1, "x"), ("b", None, "y")]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "\n\n", "names no columns"),
        ("a.jsonl", "[1]\n", "names no columns"),
        ("a.csv", "id;name\n1;2\n", "separated by semicolons"),
        ("a.csv", "id\tname\n1\t2\n", "separated by tabs"),
        ("a.csv", 'id,name\n1,"open\n2,b\n', "a quote opens at line 2 and does not close in it"),
        ("a.csv", 'id,name\n1,"a\n2,b\n3,"c\n', "a quote opens at line 2 and does not close in it"),
        ("a.csv", 'id,name\n\n1,a\n2,"open\n3,b\n4,c"\n', "a quote opens at line 4 and closes at line 6"),
        ("a.csv", 'id,"na\nme"\n1,a\n', "a quote opens at line 1 and closes at line 2"),
        ("a.csv", 'id,name\n1,a\n2,"b"c\n', "is not valid CSV at line 3"),
        ("a.csv", b"id,name\n1,a\n2,M\xfcller\n", "is not in UTF-8 (line 3)"),
        ("a.csv", "id,name\n1,a\n".encode("utf-16"), "is in UTF-16"),
        ("a.jsonl", b'{"id": "\xfc"}\n', "is not in UTF-8 (line 1)"),
        ("a.parquet", "id,name\n1,2\n", "is not a Parquet file"),
        ("a.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "is not a Parquet file"),
        ("a.xlsx", "PK", "known are .csv, .jsonl"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(DataError) as caught:
        list(open_rows(path))
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is a directory, not a file"):
        open_rows(tmp_path / "folder.csv")
    with pytest.raises(DataError, match="does not exist"):
        open_rows(tmp_path / "none.csv")


def test_a_parquet_file_damaged_inside(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [str(n) for n in range(5000)]}), path)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet"):
        list(open_rows(path))
