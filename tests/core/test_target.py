"""Call lists: who is on them, what is written, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from churn_core.batch.target import CallList, target
from churn_core.bundle import Scorer, best_contacts, with_policy
from churn_core.bundle.band import ProbabilityBand
from churn_core.errors import ChurnError, DataError
from churn_core.params import CostParams
from churn_core.schemas import IbmTelcoCustomer
from churn_core.train.synth import draw
from tests.support.bundles import logistic_bundle
from tests.support.projects import run_churn

SPEC = IbmTelcoCustomer.spec
BAND = ProbabilityBand(
    coverage=0.9, neighbours=100, probabilities=(0.0, 1.0), low=(0.0, 0.8), high=(0.2, 1.0)
)
COLUMNS = [
    "rank", "customer_id", "churn_probability", "low", "high",
    "expected_profit", "expected_cost", "value", "risk", "reasons",
]  # fmt: skip
PLAIN, BY_BILL = CostParams(), CostParams(value_field="monthly_charges", value_months=6)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[CostParams], Scorer]:
    bundle = logistic_bundle(tmp_path_factory.mktemp("bundle"), band=BAND)
    return lambda costs: Scorer(with_policy(bundle, costs))


@pytest.fixture(scope="module")
def scorer(bundles: Callable[[CostParams], Scorer]) -> Scorer:
    return bundles(PLAIN)


@pytest.fixture(scope="module")
def people() -> pa.Table:
    return draw(SPEC, 300)


@pytest.fixture
def file(tmp_path: Path, people: pa.Table) -> Path:
    pq.write_table(people, tmp_path / "customers.parquet")
    return tmp_path / "customers.parquet"


def listed(done: CallList) -> list[dict[str, Any]]:
    return pq.read_table(done.out).to_pylist()


@pytest.mark.parametrize("costs", [PLAIN, BY_BILL], ids=["alike", "by-bill"])
@pytest.mark.parametrize(
    "means", [{}, {"capacity": 0}, {"capacity": 25}, {"capacity": 999}, {"budget": 150.0}], ids=str
)
def test_the_list_is_the_best_choice(
    bundles: Callable[[CostParams], Scorer],
    people: pa.Table,
    file: Path,
    costs: CostParams,
    means: dict[str, Any],
) -> None:
    scorer = bundles(costs)
    policy, answers = scorer.bundle.decision, scorer.predict_many(_customers(people), interval=True)
    p = [answer.churn_probability for answer in answers]
    values = [6 * bill for bill in people["monthly_charges"].to_pylist()] if costs is BY_BILL else None
    best = best_contacts(policy, p, values, **means)
    done = target(scorer, file, file.with_name("calls.parquet"), reasons=0, **means)
    rows = listed(done)
    assert [row["rank"] for row in rows] == [*range(1, len(best) + 1)]
    assert [row["customer_id"] for row in rows] == [answers[at].customer_id for at in best.rows]
    assert (done.contacts, done.customers) == (len(best), 300)
    assert (done.expected_profit, done.expected_cost, done.bound) == (best.profit, best.cost, best.bound)
    for row, at in zip(rows, best.rows.tolist(), strict=True):
        answer = answers[at]
        assert answer.interval
        assert row["churn_probability"] == round(answer.churn_probability, 6)
        assert (row["low"], row["high"]) == (round(answer.interval.low, 6), round(answer.interval.high, 6))
        assert row["expected_profit"] == pytest.approx(answer.expected_profit, abs=0.006)
        assert row["expected_cost"] == pytest.approx(policy.expected_cost(p[at]), abs=0.006)
        assert row["value"] == pytest.approx(values[at] if values else 200.0, abs=0.006)
        assert (row["risk"], row["reasons"]) == (answer.churn_risk, "")
    left = [a.expected_profit for at, a in enumerate(answers) if at not in best.rows]
    assert done.next_profit == (max(left) if max(left, default=0) > 0 else None)


def _customers(people: pa.Table) -> list[dict[str, Any]]:
    return people.drop_columns([SPEC.label.name]).to_pylist()


def test_reasons_are_sentences_in_the_language_asked_for(
    scorer: Scorer, people: pa.Table, file: Path
) -> None:
    done = target(scorer, file, file.with_name("calls.parquet"), capacity=3, reasons=2, language="es")
    known = {customer["customer_id"]: customer for customer in _customers(people)}
    for row in listed(done):
        expected = scorer.predict(known[row["customer_id"]], language="es").reasons[:2]
        assert row["reasons"] == " ".join(reason.text for reason in expected) != ""


def test_every_kind_of_file_holds_the_same(scorer: Scorer, file: Path) -> None:
    folder = file.parent / "new"
    rows = listed(target(scorer, file, folder / "calls.parquet", capacity=20))
    assert list(rows[0]) == COLUMNS
    target(scorer, file, folder / "calls.jsonl", capacity=20)
    lines = (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    target(scorer, file, folder / "calls.csv", capacity=20)
    with (folder / "calls.csv").open(encoding="utf-8", newline="") as text:
        found = list(csv.DictReader(text))
    assert found == [{name: str(value) for name, value in row.items()} for row in rows]


def test_an_empty_list_has_its_columns(scorer: Scorer, file: Path) -> None:
    full = target(scorer, file, file.with_name("full.parquet"), capacity=5)
    empty = target(scorer, file, file.with_name("empty.parquet"), capacity=0)
    assert pq.read_schema(empty.out) == pq.read_schema(full.out)
    target(scorer, file, file.with_name("empty.csv"), capacity=0)
    assert file.with_name("empty.csv").read_text(encoding="utf-8") == ",".join(COLUMNS) + "\n"


def test_a_bundle_without_intervals_leaves_them_out(tmp_path: Path, file: Path) -> None:
    scorer = Scorer(logistic_bundle(tmp_path / "bundle"))
    rows = listed(target(scorer, file, file.with_name("calls.parquet"), capacity=5))
    assert [(row["low"], row["high"]) for row in rows] == [(None, None)] * 5


def test_where_nobody_pays_nobody_is_called(bundles: Callable[[CostParams], Scorer], file: Path) -> None:
    done = target(bundles(CostParams(contact_cost=150)), file, file.with_name("calls.csv"))
    assert (done.contacts, done.expected_profit, done.next_profit, done.next_cost) == (0, 0.0, None, None)


@pytest.fixture
def faulty(tmp_path: Path, people: pa.Table) -> Path:
    """Ten customers; the third is named Jane where a gender is asked for, the last is the first again."""
    rows = _customers(people.slice(0, 10))
    rows[2]["gender"] = "Jane"
    rows[9]["customer_id"] = rows[0]["customer_id"]
    pc.write_csv(pa.Table.from_pylist(rows), tmp_path / "faulty.csv")
    return tmp_path / "faulty.csv"


def test_no_row_is_lost(scorer: Scorer, people: pa.Table, faulty: Path) -> None:
    done = target(scorer, faulty, faulty.with_name("calls.csv"))
    assert (done.customers, done.refused, done.rejects.name) == (8, 2, "calls.rejects.csv")
    wrong = "is not in the vocabulary (allowed: one of 'Female', 'Male')"
    again = "is that of an earlier row (allowed: each customer once)"
    assert done.problems == {f"gender: {wrong}": 1, f"customer_id: {again}": 1}
    with done.rejects.open(encoding="utf-8", newline="") as text:
        assert list(csv.reader(text)) == [
            ["row", "field", "reason"],
            ["3", "gender", wrong],
            ["10", "customer_id", again],
        ]
    assert "Jane" not in done.rejects.read_text(encoding="utf-8") + done.out.read_text(encoding="utf-8")


def test_a_later_list_replaces_the_rejects_too(scorer: Scorer, faulty: Path, file: Path) -> None:
    out = faulty.with_name("calls.csv")
    target(scorer, faulty, out)
    done = target(scorer, file, out)
    assert done.rejects.read_text(encoding="utf-8") == "row,field,reason\n"


def test_a_list_is_whole_or_not_written(scorer: Scorer, faulty: Path) -> None:
    out = faulty.with_name("calls.csv")
    target(scorer, faulty, out)
    before = {path.name: path.read_bytes() for path in faulty.parent.iterdir() if path != faulty}
    with faulty.open("a", encoding="utf-8") as text:
        text.write('"broken\n')
    with pytest.raises(DataError, match="is not valid CSV"):
        target(scorer, faulty, out)
    assert {path.name: path.read_bytes() for path in faulty.parent.iterdir() if path != faulty} == before


@pytest.mark.parametrize(
    ("out", "means", "message"),
    [
        ("calls.xlsx", {}, "must end in .csv or .jsonl or .ndjson or .parquet"),
        ("customers.parquet", {}, "the list would overwrite"),
        ("calls.csv", {"capacity": 1, "budget": 1.0}, "not both"),
        ("calls.csv", {"budget": float("nan")}, "must be 0 or more"),
        ("customers.parquet/calls.csv", {}, "cannot be written"),
    ],
)
def test_what_cannot_be_is_refused(
    scorer: Scorer, file: Path, out: str, means: dict[str, Any], message: str
) -> None:
    with pytest.raises(ChurnError, match=message):
        target(scorer, file, file.parent / out, **means)
    assert [path.name for path in file.parent.iterdir()] == ["customers.parquet"]


def test_a_folder_is_no_list(scorer: Scorer, file: Path) -> None:
    file.with_name("calls.csv").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        target(scorer, file, file.with_name("calls.csv"))


def test_a_file_without_customers_is_said_to_be_so(scorer: Scorer, faulty: Path) -> None:
    lines = faulty.read_text(encoding="utf-8").splitlines()
    faulty.write_text("\n".join([lines[0], lines[3]]), encoding="utf-8")
    with pytest.raises(DataError, match="holds no customer: gender: is not in the vocabulary"):
        target(scorer, faulty, faulty.with_name("calls.csv"))
    faulty.write_text(lines[0] + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"faulty.csv holds no customer$"):
        target(scorer, faulty, faulty.with_name("calls.csv"))


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle"), band=BAND).folder


def test_the_command_says_what_to_expect(folder: Path, faulty: Path) -> None:
    out = faulty.with_name("calls.csv")
    done = target(Scorer(logistic_bundle(faulty.parent / "b", band=BAND)), faulty, out, capacity=2)
    said = run_churn("target", faulty, "--out", out, "--capacity", "2", "--bundle", folder)
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"2 of 8 customers to call, in {out}",
        f"expected profit  {done.expected_profit:.2f} EUR",
        f"expected cost    {done.expected_cost:.2f} EUR",
        f"the next call    would bring {done.next_profit:.2f} EUR and cost {done.next_cost:.2f} EUR",
        f"refused rows     2, see {done.rejects}",
        *(f"  1 x {problem}" for problem in done.problems),
    ]
    limited = run_churn("target", faulty, "--out", out, "--budget", "12", "--bundle", folder)
    assert "at most possible" in limited.stdout


def test_the_command_answers_machines(folder: Path, file: Path) -> None:
    arguments = ("target", file, "--out", file.with_name("calls.csv"), "--bundle", folder, "--json")
    done = CallList.model_validate_json(run_churn(*arguments, "--capacity", "7").stdout)
    assert (done.contacts, done.customers, done.refused, done.currency) == (7, 300, 0, "EUR")
    everybody = CallList.model_validate_json(
        run_churn(*arguments, "--reasons", "0", "--language", "es").stdout
    )
    assert everybody.contacts > 7
    assert everybody.next_profit is None


def test_the_command_takes_one_limit(folder: Path, file: Path) -> None:
    arguments = ("target", file, "--out", file.with_name("calls.csv"), "--bundle", folder)
    assert run_churn(*arguments, "--capacity", "1", "--budget", "1").exit_code == 2
    assert run_churn(*arguments, "--capacity", "-1").exit_code == 2
    assert not file.with_name("calls.csv").exists()
