"""The logged model answers raw customers in Python, over HTTP and in Spark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_core.bundle import Scorer, copy_bundle, read_bundle, with_policy
from churn_core.features import read_columns
from churn_core.params import CostParams
from churn_core.schemas import IbmTelcoCustomer
from churn_core.tracking.model import save_model
from churn_core.train.synth import draw
from tests.support.bundles import logistic_bundle
from tests.support.java import java_environment
from tests.support.reasons import PhoneCustomer, member, phone_bundle
from tests.support.servers import mlflow_process

ROOT = Path(__file__).parents[2]
SPEC = IbmTelcoCustomer.spec
COLUMNS = ["churn_probability", "churn_prediction", "churn_risk", "expected_profit", "error"]
WRONG = "contract: is missing or not allowed (allowed: one of 'Month-to-month', 'One year', 'Two year')"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a saved model."""
    folder = tmp_path_factory.mktemp("saved")
    save_model(logistic_bundle(folder / "bundle"), folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def scorer(model: Path) -> Scorer:
    return Scorer(read_bundle(model / "data/bundle"))


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """Customers with their ids; the third has a contract that the schema does not know."""
    frame = draw(SPEC, 40).drop_columns([SPEC.label.name]).to_pandas()
    texts = [field.name for field in SPEC.fields if field.role == "category"]
    frame = frame.astype(dict.fromkeys(texts, object))
    frame.loc[2, "contract"] = "Weekly"
    return frame


@pytest.fixture(scope="module")
def expected(scorer: Scorer, customers: pd.DataFrame) -> Any:
    """The bundle's own probabilities; nan for the third customer."""
    read = read_columns(SPEC, customers)
    return np.where(read.valid, scorer.probabilities(read.raw).astype(np.float64), np.nan)


@pytest.fixture(scope="module")
def loaded(model: Path) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(model))


# in Python


def test_frames_are_answered_as_the_bundle_answers(
    loaded: Any, scorer: Scorer, customers: pd.DataFrame, expected: Any
) -> None:
    answers = loaded.predict(customers)
    assert list(answers.columns) == COLUMNS
    np.testing.assert_array_equal(answers["churn_probability"], expected)
    rows: list[Any] = customers.drop(index=2).to_dict("records")
    for row, answer in zip(rows, answers.drop(index=2).to_dict("records"), strict=True):
        single = scorer.predict(row, explain=False)
        assert answer["churn_prediction"] == single.churn_prediction
        assert answer["churn_risk"] == single.churn_risk
        assert answer["expected_profit"] == pytest.approx(single.expected_profit)
        assert answer["error"] == ""


def test_a_refused_row_disturbs_no_other(loaded: Any, customers: pd.DataFrame) -> None:
    third = loaded.predict(customers).iloc[2]
    assert (third["churn_risk"], third["error"]) == ("", WRONG)
    assert third[["churn_probability", "churn_prediction", "expected_profit"]].isna().all()


def test_ids_are_not_needed_and_rows_keep_their_index(
    loaded: Any, customers: pd.DataFrame, expected: Any
) -> None:
    shuffled = customers.drop(columns="customer_id").sample(frac=1, random_state=3)
    answers = loaded.predict(shuffled)
    assert list(answers.index) == list(shuffled.index)
    np.testing.assert_array_equal(answers.sort_index()["churn_probability"], expected)


def test_narrow_numbers_and_nothing_at_all_are_taken(
    loaded: Any, customers: pd.DataFrame, expected: Any
) -> None:
    narrow = customers.astype({"tenure_months": "int16"})
    np.testing.assert_array_equal(loaded.predict(narrow)["churn_probability"], expected)
    assert len(loaded.predict(customers.iloc[:0])) == 0


def test_a_missing_column_is_named(loaded: Any, customers: pd.DataFrame) -> None:
    with pytest.raises(Exception, match="tenure_months"):
        loaded.predict(customers.drop(columns="tenure_months"))


def test_the_signature_has_a_column_for_each_field(loaded: Any) -> None:
    inputs = loaded.metadata.get_input_schema().to_dict()
    assert [column["name"] for column in inputs] == list(SPEC.names)
    kinds = {column["name"]: column["type"] for column in inputs}
    assert (kinds["tenure_months"], kinds["monthly_charges"]) == ("long", "double")
    assert (kinds["partner"], kinds["contract"]) == ("boolean", "string")
    assert [column["name"] for column in loaded.metadata.get_output_schema().to_dict()] == COLUMNS


def test_the_example_is_one_that_the_model_answers(loaded: Any, scorer: Scorer, model: Path) -> None:
    example = loaded.input_example
    answer = scorer.predict(SPEC.example())
    assert loaded.predict(example)["churn_probability"][0] == answer.churn_probability
    served = json.loads((model / "serving_input_example.json").read_text())
    assert served["dataframe_split"]["columns"] == list(SPEC.names)


def test_requirements_are_pinned(model: Path) -> None:
    lines = (model / "requirements.txt").read_text().split()
    assert all("==" in line for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert names == {"churn-core[runtime]", "mlflow", "numpy", "onnxruntime", "pandas", "pydantic"}


def test_loading_a_damaged_model_fails(model: Path, tmp_path: Path) -> None:
    import mlflow.pyfunc

    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (copy / "data/bundle/model.onnx").write_bytes(b"")
    with pytest.raises(Exception, match="not the graph that the manifest describes"):
        mlflow.pyfunc.load_model(str(copy))


# over HTTP


@pytest.fixture(scope="module")
def served(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `mlflow models serve`, as it is typed."""
    command = ["models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    with mlflow_process(command, "/ping", tmp_path_factory.mktemp("served")) as address:
        yield f"{address}/invocations"


def post(url: str, content: dict[str, Any]) -> list[dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["predictions"]


def test_json_is_answered_over_http(
    served: str, scorer: Scorer, model: Path, customers: pd.DataFrame, expected: Any
) -> None:
    example = json.loads((model / "serving_input_example.json").read_text())
    (answer,) = post(served, example)
    assert answer["churn_probability"] == scorer.predict(SPEC.example()).churn_probability
    records = json.loads(customers.to_json(orient="records"))
    records[0]["monthly_charges"] = round(records[0]["monthly_charges"])  # JSON knows one kind of number
    answers = post(served, {"dataframe_records": records})
    np.testing.assert_array_equal([one["churn_probability"] for one in answers], expected)
    assert [one["error"] for one in answers] == ["", "", WRONG, *[""] * 37]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(served, {"dataframe_records": [{"gender": "Female"}]})


# in Spark


def test_spark_columns_are_answered(
    model: Path, customers: pd.DataFrame, expected: Any, tmp_path: Path
) -> None:
    customers.to_parquet(tmp_path / "customers.parquet")
    arguments = [model, tmp_path / "customers.parquet", tmp_path / "answers.jsonl"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.spark_udf", *map(str, arguments)],
        cwd=tmp_path,
        env={**os.environ, **java_environment(tmp_path / "java"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: row["customer_id"])
    assert [row["customer_id"] for row in rows] == customers["customer_id"].tolist()
    assert list(rows[0]["all"]) == COLUMNS
    for kind in ([row["all"]["churn_probability"] for row in rows], [row["only"] for row in rows]):
        np.testing.assert_array_equal([np.nan if one is None else one for one in kind], expected)
    assert [row["all"]["error"] for row in rows] == ["", "", WRONG, *[""] * 37]


def test_tables_of_reasons_travel_with_the_model(tmp_path: Path) -> None:
    bundle = phone_bundle(tmp_path / "trained", [member("lr")])
    changed = with_policy(bundle, CostParams(offer_cost=40))
    save_model(changed, tmp_path / "model")
    saved = read_bundle(tmp_path / "model/data/bundle")
    assert saved.reasons == copy_bundle(changed, tmp_path / "copy").reasons == bundle.reasons != b""
    customer = PhoneCustomer.spec.example()
    assert Scorer(saved).explain(customer) == Scorer(bundle).explain(customer)
