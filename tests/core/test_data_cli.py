"""The commands `fetch`, `prepare` and `synth`, and their one sentence about bad input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.projects import Project, run_churn, write_csv

Spoil = Callable[[list[list[str]]], list[list[str]]]


def stages(root: Path) -> tuple[int, str]:
    """Run both stages; the exit code and the error output of the one that failed."""
    for command in ("fetch", "prepare"):
        result = run_churn(command, "--root", root)
        if result.exit_code:
            return result.exit_code, result.stderr
    return 0, ""


def column(name: str, change: Callable[[str], str]) -> Spoil:
    """Change every value of a column."""

    def spoil(rows: list[list[str]]) -> list[list[str]]:
        at = rows[0].index(name)
        return [rows[0], *([*row[:at], change(row[at]), *row[at + 1 :]] for row in rows[1:])]

    return spoil


def renamed(old: str, new: str) -> Spoil:
    return lambda rows: [[new if name == old else name for name in rows[0]], *rows[1:]]


def dropped(name: str) -> Spoil:
    return lambda rows: [row[: rows[0].index(name)] + row[rows[0].index(name) + 1 :] for row in rows]


def first(count: int) -> Spoil:
    return lambda rows: rows[: count + 1]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (renamed("contract_type", "contrat_typ"), "lacks column .*'contract_type' .*nearest.*'contrat_typ'"),
        (dropped("customer_id"), "lacks column .*'customer_id'"),
        (dropped("churn"), "lacks column .*'churn'"),
        (
            column("tenure_months", lambda _: "long"),
            "400 of 400 rows were refused.* tenure_months: is not a n",
        ),
        (column("tenure_months", lambda _: "1.5"), "tenure_months: is not a whole number \\(400\\)"),
        (column("region", lambda _: "Atlantis"), "region: is not in the vocabulary \\(400\\)"),
        (column("churn", lambda _: ""), "churn: is blank \\(400\\)"),
        (column("churn", lambda _: "1"), "all 400 customers churned"),
        (column("churn", lambda _: "No"), "all 400 customers stayed"),
        (column("customer_id", lambda _: "C1"), "customer_id: is shared by rows that differ \\(400\\)"),
        (column("customer_id", lambda _: " "), "customer_id: is blank \\(400\\)"),
        (first(30), "30 customers are too few to train on: at least 100 are needed, 20 of each"),
        (first(0), "has a header but no rows"),
    ],
)
def test_bad_customers_get_one_sentence(tmp_path: Path, spoil: Spoil, says: str) -> None:
    path = write_csv(tmp_path / "mine.csv")
    with path.open(newline="") as file:
        rows = spoil(list(csv.reader(file)))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert_refused(tmp_path, says)


def assert_refused(root: Path, says: str) -> None:
    import re

    Project(root)
    code, text = stages(root)
    assert code == 1
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    assert re.search(says, text), text
    assert not (root / "data/prepared").exists()


def in_latin_1(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"East", b"\xd6st"))


def in_utf_16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16"))


def with_semicolons(path: Path) -> None:
    path.write_text(path.read_text().replace(",", ";"))


def with_an_open_quote(path: Path) -> None:
    path.write_text(path.read_text() + '"open')


def with_a_quote_that_closes_far_below(path: Path) -> None:
    lines = path.read_text().replace('"', "").splitlines()
    lines[99] = f'"{lines[99]}'
    lines[199] = f'{lines[199]}"'
    path.write_text("\n".join(lines) + "\n")


def empty(path: Path) -> None:
    path.write_text("")


def as_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (in_latin_1, "is not in UTF-8 \\(line \\d+\\)"),
        (in_utf_16, "is in UTF-16"),
        (with_semicolons, "are separated by semicolons; only commas are read"),
        (with_an_open_quote, "is not valid CSV at line 402"),
        (
            with_a_quote_that_closes_far_below,
            "a quote opens at line 100 and closes at line 200; a row must not",
        ),
        (empty, "mine.csv is empty"),
        (as_a_directory, "mine.csv is a directory, not a file"),
        (Path.unlink, "mine.csv does not exist"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(write_csv(tmp_path / "mine.csv"))
    assert_refused(tmp_path, says)


def test_the_installed_command_refuses_without_a_traceback(tmp_path: Path) -> None:
    Project(tmp_path)
    command = [Path(sys.executable).with_name("churn"), "fetch"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: mine.csv does not exist\n"


def test_fetch_and_prepare_say_what_they_did(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    Project(tmp_path)
    fetched = run_churn("fetch", "--root", tmp_path)
    assert (fetched.exit_code, fetched.stderr) == (0, "")
    assert "data/raw/customers.csv (" in fetched.stdout
    prepared = run_churn("prepare", "--root", tmp_path)
    assert prepared.stderr == ""
    assert prepared.stdout.startswith("400 rows: 400 customers, 0 rows refused\n320 to train on, 80 held out")


def test_one_row_is_counted_in_the_singular(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv")
    header, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, first + ",1", *rest]) + "\n")
    Project(tmp_path)
    assert run_churn("fetch", "--root", tmp_path).exit_code == 0
    prepared = run_churn("prepare", "--root", tmp_path)
    assert prepared.stdout.startswith("400 rows: 399 customers, 1 row refused\n")
    refused = run_churn("prepare", "--root", tmp_path, "--set", "dataset.max_rejects=0")
    assert refused.stderr.startswith("error: 1 of 400 rows was refused, more than")


def test_a_category_that_is_unknown_in_every_row_names_the_known_ones(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv")
    path.write_text(path.read_text().replace("Month-to-Month", "Daily").replace("year", "years"))
    Project(tmp_path)
    assert run_churn("fetch", "--root", tmp_path).exit_code == 0
    prepared = run_churn("prepare", "--root", tmp_path)
    assert prepared.exit_code == 1
    assert "contract_type: is not in the vocabulary (400), allowed: " in prepared.stderr
    assert "Month-to-Month" in prepared.stderr


def test_the_rate_of_a_few_rows_is_that_of_the_drawing(tmp_path: Path) -> None:
    few = run_churn("synth", "telcovision", "--rows", "5", "--out", tmp_path / "a.csv")
    assert few.stdout == f"5 customers of schema 'telcovision' in {tmp_path / 'a.csv'}\n"
    many = run_churn("synth", "telcovision", "--rows", "100000", "--out", tmp_path / "b.parquet")
    assert many.stdout.endswith(" rows/s)\n")


def test_answers_in_json(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    Project(tmp_path)
    fetched = json.loads(run_churn("fetch", "--root", tmp_path, "--json").stdout)
    assert fetched == {
        "path": str(tmp_path / "data/raw/customers.csv"),
        "bytes": (tmp_path / "mine.csv").stat().st_size,
    }
    prepared = json.loads(run_churn("prepare", "--root", tmp_path, "--json").stdout)
    assert {key: prepared[key] for key in ("rows", "rejected", "train", "holdout")} == {
        "rows": 400,
        "rejected": 0,
        "train": 320,
        "holdout": 80,
    }


def test_values_are_overridden_on_the_command_line(tmp_path: Path) -> None:
    write_csv(tmp_path / "other.csv")
    Project(tmp_path)
    named = run_churn("fetch", "--root", tmp_path, "--set", "dataset.options.path=other.csv")
    assert named.exit_code == 0
    answer = run_churn(
        "prepare", "--root", tmp_path, "--set", "split.holdout=0.5", "--set", "split.seed=3", "--json"
    )
    assert json.loads(answer.stdout)["holdout"] == pytest.approx(200, abs=1)
    wrong = run_churn("prepare", "--root", tmp_path, "--set", "split.sed=1")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "did you mean 'seed'" in wrong.stderr


def test_another_file_of_parameters(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv")
    Project(tmp_path)
    (tmp_path / "params.yaml").rename(tmp_path / "mine.yaml")
    assert run_churn("fetch", "--root", tmp_path).exit_code == 1
    assert run_churn("fetch", "--root", tmp_path, "--params", tmp_path / "mine.yaml").exit_code == 0


@pytest.mark.parametrize("name", ["some.csv", "some.parquet"])
def test_synth_writes_customers_that_prepare_takes(tmp_path: Path, name: str) -> None:
    out = tmp_path / "deep" / name
    result = run_churn("synth", "ibm-telco", "--rows", "500", "--seed", "4", "--out", out, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"] == 500
    kind = out.suffix.removeprefix(".")
    project = Project(tmp_path, schema="ibm-telco", dataset={"name": kind, "options": {"path": str(out)}})
    assert project.prepare().rejected == 0
    assert [path.name for path in out.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("ibm-telko", "--rows", "5", "--out", "a.csv"), 1, "error: .*did you mean 'ibm-telco'"),
        (("ibm-telco", "--rows", "5", "--out", "a.xlsx"), 1, "error: .*must end in .csv or .parquet"),
        (("ibm-telco", "--rows", "0", "--out", "a.csv"), 2, "--rows"),
        (("ibm-telco", "--rows", "5"), 2, "--out"),
    ],
)
def test_synth_refuses(arguments: tuple[str, ...], code: int, says: str) -> None:
    import re

    result = run_churn("synth", *arguments)
    assert result.exit_code == code
    assert re.search(says, result.stderr)
