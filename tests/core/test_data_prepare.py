"""Validation, rejects, duplicates, and what later stages read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from churn_core.errors import DataError
from churn_core.params import read_params
from churn_core.schemas import IbmTelcoCustomer, TelcoVisionCustomer
from churn_core.train.prepared import Origin, Prepared, load_prepared, write_prepared
from churn_core.train.synth import draw
from tests.support.projects import Project, write_csv

SPEC = TelcoVisionCustomer.spec
IBM = IbmTelcoCustomer.spec


def rejects(project: Project) -> list[dict[str, str]]:
    with (project.root / "data/rejects/rejects.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summary(project: Project) -> dict[str, object]:
    return json.loads((project.root / "data/rejects/summary.json").read_text())


def edit(path: Path, *changes: tuple[int, str, str]) -> None:
    """Change fields of a CSV file: row number from 1, column, new value."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    for row, column, value in changes:
        rows[row - 1][header.index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """400 valid customers."""
    write_csv(tmp_path / "mine.csv")
    return Project(tmp_path)


def test_prepared_customers_are_those_of_the_file(project: Project) -> None:
    report = project.prepare()
    drawn, table = draw(SPEC, 400), project.prepared
    assert table.column_names == ["customer_id", *SPEC.names, "churn", "split"]
    assert table.select(drawn.column_names).to_pylist() == drawn.to_pylist()
    assert [str(table.schema.field(name).type) for name in ("age", "gender", "phone_service", "churn")] == [
        "int64",
        "string",
        "bool",
        "bool",
    ]
    assert (report.rows, report.rejected, report.train, report.holdout) == (400, 0, 320, 80)
    assert report.churned == sum(table.column("churn").to_pylist())
    assert rejects(project) == []


def test_the_same_customers_in_json_lines_and_parquet(project: Project, tmp_path: Path) -> None:
    project.prepare()
    expected = project.prepared
    table = draw(SPEC, 400)
    raw = tmp_path / "data/raw"
    (raw / "customers.csv").unlink()
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    (raw / "customers.jsonl").write_text(lines)
    prepare_again(project)
    assert project.prepared.equals(expected)
    (raw / "customers.jsonl").unlink()
    pq.write_table(table, raw / "customers.parquet")
    prepare_again(project)
    assert project.prepared.equals(expected)


def prepare_again(project: Project) -> None:
    from churn_core.train.prepare import prepare

    prepare(project.params, project.root)


def test_the_same_input_gives_the_same_bytes(project: Project) -> None:
    project.prepare()
    path = project.root / "data/prepared/customers.parquet"
    first = path.read_bytes()
    project.prepare()
    assert path.read_bytes() == first


def test_the_split_follows_customers_when_rows_move(project: Project) -> None:
    project.prepare()
    sides = dict(zip(*project.prepared.select(["customer_id", "split"]).to_pydict().values(), strict=True))
    header, *lines = (project.root / "mine.csv").read_text().splitlines()
    moved = [lines[at] for at in np.random.default_rng(0).permutation(len(lines))]
    (project.root / "mine.csv").write_text("\n".join([header, *moved]))
    project.prepare()
    again = dict(zip(*project.prepared.select(["customer_id", "split"]).to_pydict().values(), strict=True))
    assert again == sides


# Rejects


def test_refused_rows_have_number_field_reason_and_content(project: Project) -> None:
    edit(
        project.root / "mine.csv",
        (3, "gender", "Robot"),
        (7, "age", "young"),
        (7, "region", ""),
        (9, "churn", "perhaps"),
    )
    report = project.prepare("dataset.max_rejects=0.1")
    assert report.rejected == 3
    third, seventh, ninth = rejects(project)
    assert (third["row"], third["field"]) == ("3", "gender")
    assert third["reason"].startswith("gender: is not in the vocabulary (allowed: one of 'Female', 'Male')")
    assert json.loads(third["customer"])["gender"] == "Robot"
    assert (seventh["row"], seventh["field"]) == ("7", "age; region")
    assert "age: is not a number" in seventh["reason"]
    assert "region: is blank" in seventh["reason"]
    assert (ninth["row"], ninth["field"]) == ("9", "churn")
    assert [row["customer_id"] for row in project.prepared.to_pylist()][:3] == [
        "C000000000001",
        "C000000000002",
        "C000000000004",
    ]
    assert summary(project)["rejected"] == 3


def test_rows_of_the_wrong_width_are_refused(project: Project) -> None:
    with (project.root / "mine.csv").open("a") as file:
        file.write("C9,3\n")
    project.prepare()
    (row,) = rejects(project)
    assert (row["row"], row["reason"]) == (
        "401",
        "the row has 2 values (allowed: 13 values, one for each column)",
    )
    assert json.loads(row["customer"]) == ["C9", "3"]


def test_lines_that_are_no_json_are_refused(project: Project) -> None:
    project.prepare()
    raw = project.root / "data/raw"
    (raw / "customers.csv").unlink()
    lines = [json.dumps(row) for row in draw(SPEC, 400).to_pylist()]
    (raw / "customers.jsonl").write_text("\n".join([*lines[:5], "not json", *lines[5:]]))
    prepare_again(project)
    (row,) = rejects(project)
    assert (row["row"], row["field"], row["customer"]) == ("6", "", "")
    assert "is not a JSON object" in row["reason"]


def test_too_many_refused_rows_refuse_the_file(project: Project) -> None:
    project.prepare()
    bad = [(row, "gender", "Robot") for row in range(1, 6)]
    edit(project.root / "mine.csv", *bad, (6, "age", "999"), (7, "age", "999"), (8, "tenure_months", "x"))
    with pytest.raises(DataError) as caught:
        project.prepare("dataset.max_rejects=0.015")
    text = str(caught.value)
    assert text.startswith("8 of 400 rows were refused, more than dataset.max_rejects = 0.015 allows: ")
    assert "gender: is not in the vocabulary (5), allowed: " in text
    assert "; age: is out of range (2), allowed: " in text
    assert "; tenure_months: is not" in text
    assert text.endswith("rejects.csv")
    assert len(rejects(project)) == 8
    assert not (project.root / "data/prepared").exists()
    project.prepare("dataset.max_rejects=0.02")


def test_columns_that_the_schema_does_not_know_are_ignored_and_named(project: Project) -> None:
    table = draw(SPEC, 400).append_column("notes", pa.array(["x"] * 400))
    pc.write_csv(table, project.root / "mine.csv")
    assert project.prepare().ignored_columns == ("notes",)
    assert summary(project)["ignored_columns"] == ["notes"]


# Duplicates


def test_of_identical_rows_the_first_is_kept(project: Project) -> None:
    lines = (project.root / "mine.csv").read_text().splitlines()
    (project.root / "mine.csv").write_text("\n".join([*lines, lines[5], lines[9], lines[5]]))
    report = project.prepare()
    assert report.rejected == 3
    assert [row["row"] for row in rejects(project)] == ["401", "402", "403"]
    assert {row["reason"] for row in rejects(project)} == {"customer_id: repeats an earlier, identical row"}
    assert project.prepared.num_rows == 400


def test_rows_that_contradict_each_other_are_all_refused(project: Project) -> None:
    lines = (project.root / "mine.csv").read_text().splitlines()
    label = {"true": "false", "false": "true"}
    head, _, churn = lines[5].rpartition(",")
    flipped = f"{head},{label[churn]}"
    (project.root / "mine.csv").write_text("\n".join([*lines, lines[5], flipped]))
    report = project.prepare("dataset.max_rejects=0.1")
    assert report.rejected == 3
    assert [row["row"] for row in rejects(project)] == ["5", "401", "402"]
    assert {row["reason"] for row in rejects(project)} == {"customer_id: is shared by rows that differ"}
    assert "C000000000005" not in project.prepared.column("customer_id").to_pylist()


def test_customers_with_equal_fields_land_on_one_side(project: Project) -> None:
    table = draw(SPEC, 400)
    twins = table.slice(0, 100).set_column(0, "customer_id", pa.array([f"T{n}" for n in range(100)]))
    pc.write_csv(pa.concat_tables([table, twins]), project.root / "mine.csv")
    report = project.prepare()
    assert report.rejected == 0
    sides: dict[tuple[object, ...], set[str]] = {}
    for row in project.prepared.to_pylist():
        sides.setdefault(tuple(row[name] for name in SPEC.names), set()).add(row["split"])
    assert len(sides) == 400
    assert all(len(found) == 1 for found in sides.values())
    assert report.holdout == 100


# What later stages read


def test_train_and_holdout_are_apart_and_complete(project: Project) -> None:
    project.prepare()
    prepared = load_prepared(project.root, SPEC)
    everyone = {row["customer_id"]: row for row in project.prepared.to_pylist()}
    for part, side in ((prepared.train, "train"), (prepared.holdout, "holdout")):
        expected = [row for row in everyone.values() if row["split"] == side]
        assert part.table.column("customer_id").to_pylist() == [row["customer_id"] for row in expected]
        assert part.table.column_names == ["customer_id", *SPEC.names]
        assert part.labels.dtype == np.int64
        assert part.labels.tolist() == [int(row["churn"]) for row in expected]
    assert prepared.holdout_features.equals(prepared.holdout.table)


def relabelled(project: Project, side: str) -> Prepared:
    """The same customers with the labels of one side permuted."""
    table = project.prepared
    labels, holdout = table.column("churn").to_numpy().copy(), table.column("split").to_numpy() == "holdout"
    chosen = np.flatnonzero(holdout if side == "holdout" else ~holdout)
    labels[chosen] = labels[np.random.default_rng(0).permutation(chosen)]
    write_prepared(project.root, SPEC, table, labels, holdout, Origin.of(project.params))
    return load_prepared(project.root, SPEC)


def test_labels_of_the_holdout_change_nothing_that_training_reads(project: Project) -> None:
    project.prepare()
    before = load_prepared(project.root, SPEC)
    digests = (before.train_digest, before.holdout_digest)
    labels, train = before.holdout.labels, before.train
    after = relabelled(project, "holdout")
    assert not np.array_equal(after.holdout.labels, labels)
    assert (after.train_digest, after.holdout_digest) == digests
    assert after.train.table.equals(train.table)
    assert np.array_equal(after.train.labels, train.labels)
    assert relabelled(project, "train").train_digest != digests[0]


def test_what_training_reads_of_the_holdout_has_no_labels(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.prepare()
    asked: list[list[str]] = []
    read = pq.ParquetFile.read

    def spy(file: pq.ParquetFile, columns: list[str]) -> pa.Table:
        asked.append(columns)
        return read(file, columns)

    prepared = load_prepared(project.root, SPEC)
    assert prepared.train_digest
    monkeypatch.setattr(pq.ParquetFile, "read", spy)
    assert prepared.holdout_digest
    assert len(prepared.holdout_features) == 80
    assert asked
    assert all("churn" not in columns for columns in asked)


def test_digests_depend_on_every_field(project: Project) -> None:
    project.prepare()
    table = project.prepared
    labels, holdout = table.column("churn").to_numpy(), table.column("split").to_numpy() == "holdout"
    origin = Origin.of(project.params)
    seen = {load_prepared(project.root, SPEC).train_digest}
    row = int(np.flatnonzero(~holdout)[0])
    for at, name in enumerate(["customer_id", *SPEC.names]):
        values = table.column(name).to_pylist()
        other = next(value for value in values if value != values[row])
        changed = pa.array([*values[:row], other, *values[row + 1 :]])
        write_prepared(project.root, SPEC, table.set_column(at, name, changed), labels, holdout, origin)
        seen.add(load_prepared(project.root, SPEC).train_digest)
    assert len(seen) == len(SPEC.names) + 2


def test_prepared_data_of_another_schema_or_none_are_refused(project: Project) -> None:
    with pytest.raises(DataError, match="is missing or damaged; run `churn prepare`"):
        load_prepared(project.root, SPEC)
    project.prepare()
    with pytest.raises(DataError, match="was prepared for another schema than 'ibm-telco'"):
        load_prepared(project.root, IBM)
    (project.root / "data/prepared/customers.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is missing or damaged"):
        load_prepared(project.root, SPEC)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("split.seed=7", "was prepared with split.seed 0, but the parameters say 7; run `churn prepare`"),
        ("split.holdout=0.5", "was prepared with split.holdout 0.2, but the parameters say 0.5; run"),
        ("dataset.name=synth", "dataset.name 'csv', but the parameters say 'synth'; run `churn fetch` and"),
    ],
)
def test_data_prepared_with_other_parameters_are_refused(project: Project, override: str, says: str) -> None:
    project.prepare()
    params = read_params(project.root / "params.yaml", [override])
    with pytest.raises(DataError, match=says):
        load_prepared(project.root, SPEC, params)
    assert load_prepared(project.root, SPEC, project.params).origin == Origin("csv", 0, 0.2)


def test_prepared_data_that_do_not_say_how_are_refused(project: Project) -> None:
    project.prepare()
    path, table = project.root / "data/prepared/customers.parquet", project.prepared
    kept = {key: value for key, value in table.schema.metadata.items() if b"fingerprint" in key}
    pq.write_table(table.replace_schema_metadata(kept), path)
    with pytest.raises(DataError, match="does not say how it was prepared; run `churn prepare`"):
        load_prepared(project.root, SPEC)


# The IBM data, real


def as_ibm_spells_it(source: Path, target: Path) -> None:
    """The same customers as in the original file: other names, values, ids and order of columns."""
    import pandas as pd

    frame = pd.read_csv(source, keep_default_na=False)
    names = {"tenure": "tenure", "streaming_tv": "StreamingTV", "senior_citizen": "SeniorCitizen"}
    spelled = pd.DataFrame({"customerID": [f"{n:04d}-ABCDE" for n in range(len(frame))]})
    spelled["gender"] = frame.pop("female").map({1: "Female", 0: "Male"})
    churn = frame.pop("churn")
    for column in frame.columns.drop("rownames"):
        name = names.get(column, "".join(part.capitalize() for part in column.split("_")))
        values = frame[column]
        yes_no = values.isin([0, 1]).all() and column != "senior_citizen"
        spelled[name] = values.map({1: "Yes", 0: "No"}) if yes_no else values
    spelled["TotalCharges"] = spelled["TotalCharges"].replace("", " ")
    spelled.assign(Churn=churn).to_csv(target, index=False)


def test_the_ibm_data_split_alike_in_both_spellings_and_without_twins(tmp_path: Path) -> None:
    modeldata = Project(tmp_path, schema="ibm-telco", dataset={"name": "ibm-telco", "options": {}})
    report = modeldata.prepare()
    assert (report.rows, report.rejected, report.train, report.holdout) == (7043, 0, 5634, 1409)
    first = modeldata.prepared
    profiles: dict[tuple[object, ...], set[str]] = {}
    for row in first.to_pylist():
        profiles.setdefault(tuple(row[name] for name in IBM.names), set()).add(row["split"])
    assert len(profiles) < 7043
    assert all(len(sides) == 1 for sides in profiles.values())
    as_ibm_spells_it(tmp_path / "data/raw/customers.csv", tmp_path / "mine.csv")
    assert "TotalCharges" in (tmp_path / "mine.csv").read_text()[:400]
    assert Project(tmp_path, schema="ibm-telco").prepare() == report
    second = modeldata.prepared
    assert second.drop_columns(["customer_id"]).equals(first.drop_columns(["customer_id"]))
