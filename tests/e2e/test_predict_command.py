"""`churn predict`: files in, answers out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from churn_client.testing import FakeChurnService
from churn_core.batch.customers import read_customers
from churn_core.bundle import Scorer
from churn_core.bundle.band import ProbabilityBand
from churn_core.cli.main import churn
from churn_core.cli.trial import service
from churn_core.schemas import ChurnPrediction
from tests.support.bundles import logistic_bundle
from tests.support.servers import over_http

# As the IBM file circulates in public.
ORIGINAL: dict[str, Any] = {
    "customerID": "7590-VHVEG", "gender": "Female", "SeniorCitizen": 0, "Partner": "Yes", "Dependents": "No",
    "tenure": 1, "PhoneService": "No", "MultipleLines": "No phone service", "InternetService": "DSL",
    "OnlineSecurity": "No", "OnlineBackup": "Yes", "DeviceProtection": "No", "TechSupport": "No",
    "StreamingTV": "No", "StreamingMovies": "No", "Contract": "Month-to-month", "PaperlessBilling": "Yes",
    "PaymentMethod": "Electronic check", "MonthlyCharges": 29.85, "TotalCharges": "29.85",
}  # fmt: skip
NEW = {**ORIGINAL, "customerID": "NEW", "tenure": 0, "TotalCharges": " "}
BAND = ProbabilityBand(
    coverage=0.9, neighbours=100, probabilities=(0.0, 1.0), low=(0.1, 0.5), high=(0.2, 0.9)
)
BAD = {**ORIGINAL, "customerID": "BAD", "gender": "Jane Doe", "tenure": -3}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture(scope="module")
def expected(bundle: Path) -> list[float]:
    import churn_core

    scorer: Scorer = churn_core.load(str(bundle))
    one = scorer.bundle.schema_spec.example() | {
        "partner": True, "tenure_months": 1, "phone_service": False, "multiple_lines": "No phone service",
        "internet_service": "DSL", "streaming_tv": "No", "monthly_charges": 29.85, "total_charges": 29.85,
    }  # fmt: skip
    two = {**one, "tenure_months": 0, "total_charges": 0.0}
    return [answer.churn_probability for answer in scorer.predict_many([one, two])]


def _churn(*arguments: str | Path) -> Result:
    return CliRunner().invoke(churn, ["predict", *map(str, arguments)])


def _write(path: Path, rows: list[Any]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(ORIGINAL))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _answers(result: Result) -> list[ChurnPrediction]:
    return [ChurnPrediction.model_validate_json(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.parquet"])
def test_every_kind_of_file_is_read(tmp_path: Path, bundle: Path, expected: list[float], name: str) -> None:
    result = _churn(_write(tmp_path / name, [ORIGINAL, NEW]), "--bundle", bundle)
    answers = _answers(result)
    assert result.exit_code == 0
    assert [answer.customer_id for answer in answers] == ["7590-VHVEG", "NEW"]
    assert [answer.churn_probability for answer in answers] == expected
    assert not answers[0].reasons


def test_a_single_object_is_a_file_too(tmp_path: Path, bundle: Path, expected: list[float]) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(ORIGINAL), encoding="utf-8")
    (answer,) = _answers(_churn(path, "--bundle", bundle, "--explain"))
    assert answer.churn_probability == expected[0]
    assert answer.reasons


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl"])
def test_bad_rows_are_named_and_cost_no_other(tmp_path: Path, bundle: Path, name: str) -> None:
    result = _churn(_write(tmp_path / name, [ORIGINAL, BAD, NEW]), "--bundle", bundle)
    assert result.exit_code == 1
    assert [answer.customer_id for answer in _answers(result)] == ["7590-VHVEG", "NEW"]
    row, total = result.stderr.splitlines()
    assert row.startswith("row 2: gender: is not in the vocabulary (allowed: one of 'Female', 'Male'); ")
    assert "tenure_months: is out of range" in row
    assert total.startswith("error: 1 of 3 rows")
    assert "Jane" not in result.output


@pytest.mark.parametrize("terminal", [False, True])
def test_rows_before_an_unreadable_one_are_answered(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("churn_core.cli.predict._on_terminal", lambda: terminal)
    file = _write(tmp_path / "a.csv", [ORIGINAL, NEW])
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("NEW,Female", 'NEW,"Fem"ale'), encoding="utf-8")
    result = _churn(file, "--bundle", bundle)
    assert result.exit_code == 1
    assert result.stdout.count("7590-VHVEG") == 1
    assert "NEW" not in result.stdout
    assert result.stderr.startswith(f"error: {file}")
    assert len(result.stderr.splitlines()) == 1


def test_what_is_no_object_is_a_bad_row(tmp_path: Path, bundle: Path) -> None:
    result = _churn(_write(tmp_path / "a.json", [5, ORIGINAL]), "--bundle", bundle)
    assert result.exit_code == 1
    assert result.stderr.startswith("row 1: is not a JSON object")
    assert len(_answers(result)) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "customerID,gender\n1,Male\n", "lacks columns"),
        ("a.csv", ",".join(ORIGINAL) + "\n", "has no rows"),
        ("a.json", "{", "is not valid JSON"),
        ("a.json", "[]", "holds no JSON objects"),
        ("a.json", "\udcff", "is not in UTF-8"),
        ("a.txt", "text", "known are .csv, .jsonl, .ndjson, .parquet, .json"),
        ("a.parquet", "text", "is not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, bundle: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    result = _churn(tmp_path / name, "--bundle", bundle)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_file_or_folder_is_said(tmp_path: Path, bundle: Path) -> None:
    assert "does not exist" in _churn(tmp_path / "no.csv", "--bundle", bundle).stderr
    assert "is a directory" in _churn(tmp_path, "--bundle", bundle).stderr
    file = _write(tmp_path / "a.csv", [ORIGINAL])
    assert "there is no bundle folder" in _churn(file, "--bundle", "/no/such").stderr
    assert _churn(file, "--bundle", bundle, "--url", "http://x").exit_code == 2


def test_a_terminal_shows_a_table(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _write(tmp_path / "a.csv", [ORIGINAL, NEW])
    monkeypatch.setattr("churn_core.cli.predict._on_terminal", lambda: True)
    plain, explained = _churn(file, "--bundle", bundle), _churn(file, "--bundle", bundle, "--explain")
    assert "7590-VHVEG" in plain.stdout
    assert "-0.80" not in plain.stdout
    assert "  -0.80  Internet access by DSL lowers the risk of churn.\n" in explained.stdout
    assert _answers(_churn(file, "--bundle", bundle, "--json"))


def test_how_sure_and_why_in_the_language_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[float]
) -> None:
    bundle = logistic_bundle(tmp_path / "bundle", band=BAND).folder
    asked = (_write(tmp_path / "a.csv", [ORIGINAL]), "--bundle", bundle, "--interval")
    (answer,) = _answers(_churn(*asked, "--explain", "--language", "es"))
    low, high = 0.1 + 0.4 * expected[0], 0.2 + 0.7 * expected[0]
    assert answer.interval
    assert answer.interval.coverage == 0.9
    assert (answer.interval.low, answer.interval.high) == pytest.approx((low, high))
    assert "reduce el riesgo de baja" in " ".join(reason.text for reason in answer.reasons)
    monkeypatch.setattr("churn_core.cli.predict._on_terminal", lambda: True)
    shown = _churn(*asked).stdout
    assert "90% interval" in shown
    assert f"{low:.1%} - {high:.1%}" in shown
    assert _churn(*asked, "--language", "fr").exit_code == 2


def test_without_intervals_in_the_bundle_it_is_said(tmp_path: Path, bundle: Path) -> None:
    result = _churn(_write(tmp_path / "a.csv", [ORIGINAL]), "--bundle", bundle, "--interval")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: this bundle was trained without intervals: train it again\n"


def test_actions_of_a_bundle_are_those_of_its_scorer(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import churn_core

    file = _write(tmp_path / "a.csv", [ORIGINAL, NEW])
    for language in ("en", "es"):
        asked = (file, "--bundle", bundle, "--action", "--language", language)
        found = [answer.action for answer in _answers(_churn(*asked))]
        scorer = churn_core.load(str(bundle))
        people = [row.customer for row in read_customers(file, scorer.bundle.schema_spec) if row.customer]
        assert found == [one.action for one in scorer.predict_many(people, language=language, action=True)]
        assert found[0]
        assert found[0].changes
        with monkeypatch.context() as patch:
            patch.setattr("churn_core.cli.predict._on_terminal", lambda: True)
            patch.setenv("COLUMNS", "1000")
            shown = _churn(*asked).stdout
        assert f"  action {found[0].text}\n" in shown
        assert shown.endswith(f"\n\n{found[0].note}\n")
        assert shown.count(found[0].note) == 1


def test_actions_of_a_service_are_shown_with_their_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHURN_API_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    fake = FakeChurnService(probability=0.8)
    file = _write(tmp_path / "a.csv", [ORIGINAL, BAD, NEW])
    with over_http(fake) as url:
        asked = (file, "--url", url, "--action", "--interval", "--language", "es")
        plain = _churn(*asked)
        monkeypatch.setattr("churn_core.cli.predict._on_terminal", lambda: True)
        shown = _churn(*asked).stdout
    assert [answer.action and answer.action.churn_probability for answer in _answers(plain)] == [0.4, 0.4]
    assert {request.path for request in fake.requests if request.content} == {
        "/predict/batch?explain=false&interval=true&action=true&language=es"
    }
    assert shown.count("  action payment_method: ") == 2
    assert shown.endswith("\nMade up for a test: it says nothing about what\nwould happen.\n")


def test_a_service_gives_the_same_answers(
    tmp_path: Path, bundle: Path, expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHURN_API_KEY", raising=False)
    file = _write(tmp_path / "a.csv", [ORIGINAL, BAD, NEW])
    with service(str(bundle)) as url:
        result = _churn(file, "--url", url)
    assert [answer.churn_probability for answer in _answers(result)] == expected
    assert result.stderr.startswith("row 2: gender")
    gone = _churn(file, "--url", url)
    assert gone.exit_code == 1
    assert gone.stderr.startswith(f"error: {url} cannot be reached")
