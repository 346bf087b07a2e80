"""The bundle: written once, verified on every read, answering for itself."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import churn_core
from churn_core.bundle import Bundle, Scorer, decision_policy, open_bundle, read_bundle, write_bundle
from churn_core.bundle.manifest import DerivedRef, Manifest
from churn_core.bundle.session import Graph
from churn_core.errors import BundleError, InvalidCustomer, PluginError, SchemaError
from churn_core.params import CostParams
from churn_core.schemas import ChurnPrediction, IbmTelcoCustomer, TelcoVisionCustomer
from tests.support.bundles import WEIGHTS, logistic_bundle, logistic_graph

EXAMPLE = IbmTelcoCustomer.spec.example()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return churn_core.load(str(folder))


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    one, two = (logistic_bundle(tmp_path / name) for name in ("one", "two"))
    for name in ("model.onnx", "manifest.json"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()
    assert one.manifest.digest == two.manifest.digest


def test_reading_gives_back_what_was_written(folder: Path) -> None:
    bundle = read_bundle(folder)
    assert bundle.manifest.schema_spec == IbmTelcoCustomer.spec
    assert Manifest.from_bytes(bundle.manifest.to_bytes()) == bundle.manifest


def test_a_prediction_answers_the_contract(scorer: Scorer) -> None:
    answer = scorer.predict(EXAMPLE)
    assert isinstance(answer, ChurnPrediction)
    logit = -1.2 + 1.2 + 0.8 + 0.4 - 0.03 * 5 + 0.3
    assert answer.churn_probability == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
    assert answer.churn_prediction == 1
    assert answer.churn_risk == "HIGH"
    assert answer.customer_id == EXAMPLE["customer_id"]
    assert answer.model.digest == scorer.bundle.digest
    assert answer.model.version == "local"
    p = answer.churn_probability
    assert answer.expected_profit == pytest.approx(p * (0.3 * 190 - 1) - (1 - p) * 11)


def test_many_answers_equal_single_ones(scorer: Scorer) -> None:
    rows = [{**EXAMPLE, "customer_id": f"C-{i}", "tenure_months": i} for i in range(50)]
    customers = [IbmTelcoCustomer.parse(row) for row in rows]
    for explain in (False, True):
        single = [scorer.predict(row, explain=explain) for row in rows]
        assert scorer.predict_many(customers, explain=explain) == single
    arrow = scorer.score_arrow(pa.Table.from_pylist(rows))
    assert arrow["churn_probability"].to_pylist() == [a.churn_probability for a in single]
    assert arrow["churn_prediction"].to_pylist() == [a.churn_prediction for a in single]
    assert arrow["churn_risk"].to_pylist() == [a.churn_risk for a in single]
    assert arrow["threshold"].to_pylist() == [a.threshold for a in single]
    assert arrow["expected_profit"].to_pylist() == [a.expected_profit for a in single]
    assert arrow["customer_id"].to_pylist() == [row["customer_id"] for row in rows]
    assert scorer.predict_many([]) == []


def test_reasons_name_fields_strongest_first(scorer: Scorer) -> None:
    customer = {**EXAMPLE, "contract": "Two year"}
    effects = scorer.explain(customer)
    assert effects["contract"] == pytest.approx(-2.3, abs=1e-3)
    assert effects["tenure_months"] == pytest.approx(0, abs=1e-3)
    reasons = scorer.predict(customer).reasons
    assert reasons[0].feature == "contract"
    assert reasons[0].value == "Two year"
    assert "lowers the risk" in reasons[0].text
    assert scorer.predict(customer, explain=False).reasons == ()


def test_bad_rows_of_a_batch_keep_their_place(scorer: Scorer) -> None:
    rows = [EXAMPLE, {**EXAMPLE, "gender": None, "tenure_months": -1}, EXAMPLE]
    table = pa.Table.from_pylist(rows).drop_columns(["customer_id"])
    answers = scorer.score_arrow(table).to_pylist()
    assert [row["churn_probability"] is None for row in answers] == [False, True, False]
    assert answers[1]["churn_risk"] is None
    assert answers[1]["threshold"] is None
    assert "gender" in answers[1]["error"]
    assert "tenure_months" in answers[1]["error"]
    assert answers[0]["error"] is None
    assert answers[0]["customer_id"] is None


def test_invalid_customers_are_refused_by_field(scorer: Scorer) -> None:
    with pytest.raises(InvalidCustomer, match="contract: is not in the vocabulary"):
        scorer.predict({**EXAMPLE, "contract": "Weekly"})
    with pytest.raises(SchemaError, match="'telcovision'"):
        scorer.predict(TelcoVisionCustomer.parse(TelcoVisionCustomer.spec.example()))


def test_a_scorer_is_shared_between_threads(scorer: Scorer) -> None:
    expected = scorer.predict(EXAMPLE)
    with ThreadPoolExecutor(8) as pool:
        assert all(answer == expected for answer in pool.map(lambda _: scorer.predict(EXAMPLE), range(200)))


def test_answers_survive_pickling(scorer: Scorer) -> None:
    answer = scorer.predict(EXAMPLE)
    assert pickle.loads(pickle.dumps(answer)) == answer


def test_every_changed_byte_of_the_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    good = (folder / "manifest.json").read_bytes()
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    for place in range(0, len(good), 7):
        changed = bytearray(good)
        changed[place] ^= 1 << (place % 8)
        (tmp_path / "manifest.json").write_bytes(changed)
        with pytest.raises(BundleError):
            read_bundle(tmp_path)


def test_every_changed_byte_of_the_graph_is_refused(folder: Path, tmp_path: Path) -> None:
    good = (folder / "model.onnx").read_bytes()
    (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1 << (place % 8)
        (tmp_path / "model.onnx").write_bytes(changed)
        with pytest.raises(BundleError, match=r"not the graph"):
            read_bundle(tmp_path)
    for wrong in (good[:-1], good + b"\0", b""):
        (tmp_path / "model.onnx").write_bytes(wrong)
        with pytest.raises(BundleError, match=r"not the graph"):
            read_bundle(tmp_path)


def test_unknown_content_is_refused(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "manifest.json").read_bytes())
    for change, complaint in (
        ({"format": 2}, "has format 2; this version reads format 1"),
        ({"format": None}, "has format None"),
        ({"surprise": 1}, "does not fit format 1 at 'surprise'"),
    ):
        (tmp_path / "manifest.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(BundleError, match=complaint):
            read_bundle(tmp_path)
    for text in ("", "[]", "[" * 100_000, "nonsense", "\ud800".encode("utf-8", "surrogatepass")):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "manifest.json").write_bytes(data)
        with pytest.raises(BundleError):
            read_bundle(tmp_path)


def test_missing_bundles_are_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle folder"):
        churn_core.load(str(tmp_path / "nowhere"))
    with pytest.raises(BundleError, match=r"has no manifest\.json"):
        churn_core.load(str(tmp_path))
    with pytest.raises(BundleError, match="no store knows references"):
        churn_core.load("s3://bucket/model")


def test_a_resealed_bundle_with_another_schema_is_refused(folder: Path, tmp_path: Path) -> None:
    bundle = read_bundle(folder)
    manifest = bundle.manifest.model_copy(update={"schema_fingerprint": "0" * 64})
    write_bundle(tmp_path, manifest, bundle.graph)
    with pytest.raises(BundleError, match="schema does not fit its fingerprint"):
        read_bundle(tmp_path)


def altered(bundle: Bundle, folder: Path, **changes: object) -> Bundle:
    return write_bundle(folder, bundle.manifest.model_copy(update=changes), bundle.graph)


def test_a_bundle_that_does_not_fit_this_code_is_refused(folder: Path, tmp_path: Path) -> None:
    bundle = read_bundle(folder)
    missing = altered(bundle, tmp_path / "a", derived=(DerivedRef(name="no-such", version=1),))
    with pytest.raises(PluginError, match="no plugin 'no-such'"):
        Scorer(missing)
    swapped = altered(bundle, tmp_path / "b", features=bundle.manifest.features[::-1])
    with pytest.raises(BundleError, match="feature columns are not those"):
        Scorer(swapped)


def test_a_graph_of_another_form_is_refused() -> None:
    graph = logistic_graph(["a", "b"], WEIGHTS, 0.0)
    assert Graph(graph, 2)(np.zeros((3, 2), np.float32)).tolist() == [0.5, 0.5, 0.5]
    with pytest.raises(BundleError, match="input 'features' of 3 columns"):
        Graph(graph, 3)
    with pytest.raises(BundleError, match="cannot be loaded"):
        Graph(b"not a graph", 2)
    with pytest.raises(BundleError, match="output 'probability'"):
        Graph(graph.replace(b"probability", b"probabilitx"), 2)


def test_the_threshold_is_where_contact_breaks_even() -> None:
    policy = decision_policy(CostParams())
    assert policy.threshold == pytest.approx(11 / (0.3 * 190 + 10))
    assert policy.expected_profit(policy.threshold) == pytest.approx(0)
    assert policy.expected_profit(1.0) == pytest.approx(56)
    assert decision_policy(CostParams(threshold=0.5)).threshold == 0.5
    worthless = decision_policy(CostParams(customer_value=20, offer_cost=15, contact_cost=4))
    assert worthless.threshold == 1.0
    assert [policy.risk(p) for p in (0.0, 0.3, 0.6, 1.0)] == ["LOW", "MEDIUM", "HIGH", "HIGH"]


def test_bundles_open_by_reference(folder: Path) -> None:
    assert open_bundle(str(folder)).version == "local"
