"""Reasons as a scorer gives them: they add up, hold still, read well, and cannot be tampered with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from churn_core.bundle import Bundle, Scorer, read_bundle, write_bundle
from churn_core.bundle.manifest import Manifest
from churn_core.bundle.reasons import closed
from churn_core.bundle.sampling import SampledShares, average_customers
from churn_core.bundle.sentences import Sentences
from churn_core.errors import BundleError, SchemaError
from churn_core.features import RawTable, field_value, reference
from churn_core.schemas import IbmTelcoCustomer, SchemaSpec, TelcoVisionCustomer
from churn_core.schemas.rules import Scalar
from tests.support.bundles import logistic_bundle
from tests.support.reasons import PhoneCustomer, brute_force, customers, member, phone_bundle

SPEC = PhoneCustomer.spec
ASKED = customers(40, seed=5)


def people(raw: RawTable) -> list[dict[str, Scalar]]:
    """Raw customers as they come over the wire."""
    return [
        {"customer_id": f"C-{i}"} | {f.name: field_value(f, v) for f, v in zip(SPEC.fields, row, strict=True)}
        for i, row in enumerate(raw.values.tolist())
    ]


def log_odds(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    derived = ("loose-contract",)
    members = [member("lr", derived, 0.5), member("lightgbm", derived, 0.5)]
    return phone_bundle(tmp_path_factory.mktemp("bundle"), members, *derived)


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(read_bundle(bundle.folder))


@pytest.fixture(scope="module")
def bare(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """The same model as bundles were written before they had tables of shares."""
    manifest = bundle.manifest.model_copy(update={"reasons": None})
    return Scorer(write_bundle(tmp_path_factory.mktemp("bare"), manifest, bundle.graph))


@pytest.fixture(scope="module")
def approximate(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A model that is no sum, with the tables of a stand-in."""
    members = [member("mlp", weight=0.5), member("rf", weight=0.5)]
    return Scorer(phone_bundle(tmp_path_factory.mktemp("approximate"), members))


@pytest.mark.parametrize("kind", ["scorer", "bare", "approximate"])
def test_shares_and_base_add_up_to_the_answer(kind: str, request: pytest.FixtureRequest) -> None:
    scorer: Scorer = request.getfixturevalue(kind)
    for person in people(ASKED):
        shares = scorer.explain(person)
        assert list(shares) == list(SPEC.names)
        p = scorer.predict(person, explain=False).churn_probability
        assert scorer.base + sum(shares.values()) == pytest.approx(log_odds(p), abs=1e-12)
        assert scorer.explain(person) == shares


@pytest.mark.parametrize("kind", ["scorer", "bare", "approximate"])
def test_many_customers_get_the_bits_of_one(kind: str, request: pytest.FixtureRequest) -> None:
    scorer: Scorer = request.getfixturevalue(kind)
    rows = people(ASKED)
    single = [scorer.predict(row) for row in rows]
    assert scorer.predict_many(rows, explain=True) == single
    shares = scorer.shares(ASKED)
    assert np.array_equal(shares, [list(scorer.explain(row).values()) for row in rows])
    assert scorer.shares(RawTable(SPEC, ASKED.values[:0])).shape == (0, 5)
    assert scorer.predict_many([], explain=True) == []


def test_reasons_are_the_strongest_shares(scorer: Scorer) -> None:
    for person in people(ASKED):
        shares, reasons = scorer.explain(person), scorer.predict(person).reasons
        strongest = sorted(shares, key=lambda name: -abs(shares[name]))
        assert [reason.feature for reason in reasons] == strongest[: len(reasons)]
        assert all(abs(reason.effect - shares[reason.feature]) < 1e-9 for reason in reasons)
        assert all(abs(shares[name]) < 0.01 for name in strongest[len(reasons) :])
        assert all(reason.value == person[reason.feature] for reason in reasons)


def test_reasons_of_a_table_are_those_of_its_customers(scorer: Scorer) -> None:
    expected = [scorer.predict(person, language="es").reasons[:2] for person in people(ASKED)]
    assert list(scorer.reasons(ASKED, 2, "es")) == expected


def test_reasons_come_with_a_batch_where_asked_for(scorer: Scorer) -> None:
    rows = [*people(ASKED), {**people(ASKED)[0], "calls": -1}]
    table = pa.Table.from_pylist(rows)
    assert "reasons" not in scorer.score_arrow(table).schema.names
    given = scorer.score_arrow(table, reasons=3, language="es")["reasons"].to_pylist()
    assert given.pop() is None
    for row, reasons in zip(rows, given, strict=False):
        expected = scorer.predict(row, language="es").reasons[:3]
        assert [r["text"] for r in reasons] == [r.text for r in expected]
        assert [r["effect"] for r in reasons] == [r.effect for r in expected]
        assert [r["value"] for r in reasons] == [str(r.value) for r in expected]


def test_closing_takes_up_what_rounding_and_limits_leave() -> None:
    shares = np.array(
        [[1.0, -2.0, 0.0], [20.0, -1.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]]
    )
    p = np.array([0.25, 1 - 1e-6, 0.5, 1.0, 0.0], dtype=np.float32)
    out = closed(shares, 0.5, p)
    assert 0.5 + out[0].sum() == pytest.approx(np.log(1 / 3), abs=1e-12)
    # A member's limit keeps the score from growing: what pushes is cut, its sign is not.
    assert 0.5 + out[1].sum() == pytest.approx(log_odds(float(p[1])), abs=1e-9)
    assert 0 < out[1, 0] < 20
    assert out[1, 1] < 0
    assert np.array_equal(out[:, 2], np.zeros(5))  # a field without effect stays without
    assert not out[2].any()
    assert np.isfinite(out).all()
    assert 0.5 + out[3].sum() == pytest.approx(25 * np.log(2), abs=1e-6)


def curved(raw: RawTable) -> NDArray[np.float32]:
    """A model of three fields that act together."""
    tenure, contract, fee, calls, autopay = raw.values.T
    odds = np.tanh(calls / 2) * (contract == 0) * fee / 20 - tenure / 30 + 0.5 * autopay - 0.5
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def test_sampling_comes_as_near_to_brute_force_as_it_draws() -> None:
    record = reference(customers(300))

    def error(draws: int) -> float:
        others = average_customers(SPEC, record, draws)
        sampled = SampledShares(SPEC, others, curved)

        def odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
            p = curved(RawTable(SPEC, values)).astype(float)
            return np.log(p) - np.log1p(-p)

        exact = [brute_force(odds, row, others) for row in ASKED.values[:10]]
        shares = sampled(ASKED, np.empty((0, 0), dtype=np.float32))[:10]
        assert np.abs(shares.sum(axis=1) - np.sum(exact, axis=1)).max() < 1e-6
        return float(np.sqrt(np.mean((shares - exact) ** 2)))

    errors = [error(draws) for draws in (4, 16, 64, 256)]
    assert errors[0] < 0.1
    assert errors[1] < 0.04
    assert errors[3] < errors[0] / 3


def test_sampling_is_exact_where_fields_act_in_pairs() -> None:
    def paired(raw: RawTable) -> NDArray[np.float32]:
        tenure, contract, fee, calls, autopay = raw.values.T
        odds = 0.01 * fee * (contract == 1) - 0.02 * tenure * autopay + 0.3 * calls
        return (1 / (1 + np.exp(-odds))).astype(np.float32)

    others = average_customers(SPEC, reference(customers(300)), 6)
    sampled = SampledShares(SPEC, others, paired)

    def odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
        p = paired(RawTable(SPEC, values)).astype(float)
        return np.log(p) - np.log1p(-p)

    exact = [brute_force(odds, row, others) for row in ASKED.values]
    shares = sampled(ASKED, np.empty((0, 0), dtype=np.float32))
    assert np.abs(shares - exact).max() < 3e-6  # as float32 probabilities allow


def test_a_single_field_has_the_whole_share(tmp_path: Path) -> None:
    spec = SchemaSpec(name="one", version=1, description="One.", fields=SPEC.fields[:1], label=SPEC.label)
    scorer = Scorer(logistic_bundle(tmp_path, spec, {"tenure_months": -0.1}, 0.0))
    (share,) = scorer.explain({"customer_id": "a", "tenure_months": 30}).values()
    assert share == pytest.approx(-0.1 * (30 - 7), abs=1e-6)
    assert scorer.base == pytest.approx(-0.7, abs=1e-6)


def test_average_customers_are_spread_as_those_of_training() -> None:
    raw = customers(1000)
    drawn = average_customers(SPEC, reference(raw), 50)
    assert np.abs(drawn[:, [0, 2]].mean(axis=0) - raw.values[:, [0, 2]].mean(axis=0)).max() < 2
    assert np.array_equal(drawn[:, 0], np.rint(drawn[:, 0]))
    for field in (1, 4):
        shares = [np.mean(raw.values[:, field] == value) for value in range(3)]
        assert np.allclose([np.mean(drawn[:, field] == v) for v in range(3)], shares, atol=0.021)
    assert np.array_equal(drawn, average_customers(SPEC, reference(raw), 50))


def test_tables_of_shares_are_verified(bundle: Bundle, tmp_path: Path) -> None:
    good = bundle.reasons
    for name in ("model.onnx", "manifest.json"):
        (tmp_path / name).write_bytes((bundle.folder / name).read_bytes())
    with pytest.raises(BundleError, match="is not a bundle: it has no reasons.onnx"):
        read_bundle(tmp_path)
    for place in range(0, len(good), len(good) // 50):
        (tmp_path / "reasons.onnx").write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(BundleError, match="reasons.onnx is not the graph that the manifest describes"):
            read_bundle(tmp_path)
    (tmp_path / "reasons.onnx").write_bytes(good)
    assert read_bundle(tmp_path).reasons == good


def test_tables_and_manifest_belong_together(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(tmp_path, bundle.manifest, bundle.graph)
    with pytest.raises(BundleError, match="must list model.onnx and reasons.onnx and nothing else"):
        read_bundle(tmp_path)
    write_bundle(tmp_path, bundle.manifest.model_copy(update={"reasons": None}), bundle.graph, bundle.reasons)
    with pytest.raises(BundleError, match="must list model.onnx and nothing else"):
        read_bundle(tmp_path)
    # Written again without tables, none lie about.
    write_bundle(tmp_path, bundle.manifest.model_copy(update={"reasons": None}), bundle.graph)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "model.onnx"]


def test_a_graph_of_another_form_is_no_table_of_shares(bundle: Bundle, tmp_path: Path) -> None:
    for wrong in (bundle.graph, bundle.reasons.replace(b"shares", b"sharez")):
        resealed = write_bundle(tmp_path, bundle.manifest, bundle.graph, wrong)
        with pytest.raises(BundleError, match=r"one float64 output 'shares' of shape \[rows, 5\]"):
            Scorer(resealed)
    with pytest.raises(BundleError, match="reasons.onnx cannot be loaded"):
        Scorer(write_bundle(tmp_path, bundle.manifest, bundle.graph, b"not a graph"))


def test_a_manifest_from_before_there_were_tables_keeps_its_digest(tmp_path: Path) -> None:
    spec = SchemaSpec.model_validate(
        {**SPEC.model_dump(), "fields": [{**f.model_dump(), "texts": {}} for f in SPEC.fields]}
    )
    text = logistic_bundle(tmp_path, spec).manifest.to_bytes()
    assert b'"reasons"' not in text
    assert b'"texts"' not in text
    assert Manifest.from_bytes(text).to_bytes() == text


def sentence(spec: SchemaSpec, name: str, value: object, effect: float, language: str = "en") -> str:
    return Sentences(spec, language, "EUR")(spec.positions[name], value, effect)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "english", "spanish"),
    [
        ("contract", "Two year", "A two-year contract", "Un contrato de dos años"),
        ("tenure_months", 0, "Being a new customer", "Ser cliente nuevo"),
        ("tenure_months", 1, "Having been a customer for 1 month", "Ser cliente desde hace 1 mes"),
        (
            "tenure_months",
            1100,
            "Having been a customer for 1,100 months",
            "Ser cliente desde hace 1.100 meses",
        ),
        ("monthly_charges", 29.85, "A monthly bill of 29.85 EUR", "Una factura mensual de 29,85 EUR"),
        (
            "total_charges",
            1234.5,
            "A total of 1,234.50 EUR billed so far",
            "Un total facturado de 1.234,50 EUR hasta hoy",
        ),
        ("senior_citizen", True, "Being 65 or older", "Tener 65 años o más"),
        ("senior_citizen", False, "Being younger than 65", "Tener menos de 65 años"),
    ],
)
def test_sentences_can_be_read_out(name: str, value: object, english: str, spanish: str) -> None:
    spec = IbmTelcoCustomer.spec
    assert sentence(spec, name, value, 0.3) == f"{english} raises the risk of churn."
    assert sentence(spec, name, value, -0.3) == f"{english} lowers the risk of churn."
    assert sentence(spec, name, value, 0.3, "es") == f"{spanish} aumenta el riesgo de baja."
    assert sentence(spec, name, value, -0.3, "es") == f"{spanish} reduce el riesgo de baja."


@pytest.mark.parametrize(
    ("name", "value", "english", "spanish"),
    [
        ("contract", "One year", "“Contract term: One year”", "«Contract term: One year»"),
        ("tenure_months", 7, "“Months as a customer: 7 months”", "«Months as a customer: 7 months»"),
        ("monthly_fee", 24.9, "“Monthly fee: 24.90 EUR”", "«Monthly fee: 24,90 EUR»"),
        ("autopay", True, "“Pays by standing order: yes”", "«Pays by standing order: sí»"),
    ],
)
def test_schemas_without_texts_get_sentences_from_their_documentation(
    name: str, value: object, english: str, spanish: str
) -> None:
    assert sentence(SPEC, name, value, 1.0) == f"{english} raises the risk of churn."
    assert sentence(SPEC, name, value, -1.0, "es") == f"{spanish} reduce el riesgo de baja."


@pytest.mark.parametrize("spec", [IbmTelcoCustomer.spec, TelcoVisionCustomer.spec])
def test_built_in_schemas_have_texts_for_every_value(spec: SchemaSpec) -> None:
    for field in spec.fields:
        values = field.values or {"flag": ("true", "false"), "numeric": ("",)}[field.role]
        for language in ("en", "es"):
            subjects = field.texts[language].subjects
            assert set(values) <= set(subjects), field.name
            assert len(set(subjects.values())) == len(subjects), field.name
            assert all(text[0].isupper() for text in subjects.values())
        assert field.texts["es"].description


def test_languages_without_texts_are_refused(scorer: Scorer) -> None:
    with pytest.raises(SchemaError, match="no sentences in 'fr'; choose en or es"):
        scorer.predict(people(ASKED)[0], language="fr")  # type: ignore[arg-type]
