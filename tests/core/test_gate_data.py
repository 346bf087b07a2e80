"""Checks about the data: leakage, overfitting, drift, and how often a hold-out was used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from churn_core.bundle import Scorer
from churn_core.errors import ParamsError
from churn_core.features import RawTable
from churn_core.gate import CheckResult, EvaluationData, Evidence, judge
from churn_core.gate.checks.drift import Drift
from churn_core.gate.checks.leakage import Leakage
from churn_core.gate.checks.overfit import Overfit
from churn_core.gate.checks.reuse import HoldoutReuse
from churn_core.gate.tails import chi_square_tail, kolmogorov_tail
from churn_core.gate.twins import twins
from churn_core.schemas import IbmTelcoCustomer, TelcoVisionCustomer
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.evaluations import WEIGHTS as TELCOVISION
from tests.support.gate import opened, policy
from tests.support.judged import customers, honest, odd, raw_of, recorded, taken

IBM = IbmTelcoCustomer.spec


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return honest(opened(logistic_bundle(tmp_path_factory.mktemp("sound")).folder))


def changed(evidence: Evidence, name: str, column: Callable[[Any, Any], Any]) -> Evidence:
    """Both sides with one field rewritten from its values and the outcomes."""
    sides: list[EvaluationData] = []
    for data in (evidence.data, evidence.training):
        assert data is not None
        raw = raw_of(evidence.manifest.schema_spec, data)
        values = raw.values.copy()
        index = raw.spec.positions[name]
        values[:, index] = column(values[:, index], data.labels)
        sides.append(customers(RawTable(raw.spec, values), data.labels))
    return replace(evidence, data=sides[0], training=sides[1])


# leakage


@pytest.mark.parametrize(("spec", "weights"), [(IBM, WEIGHTS), (TelcoVisionCustomer.spec, TELCOVISION)])
def test_honest_data_leak_nothing(spec: Any, weights: Any, tmp_path: Path) -> None:
    scorer = opened(logistic_bundle(tmp_path, spec=spec, weights=weights).folder)
    for seed in range(3):
        result = Leakage().check(honest(scorer, seed=seed))
        assert (result.status, result.details) == ("pass", ()), result.sentence


def test_leakage_needs_no_training_customers(sound: Evidence) -> None:
    assert Leakage().check(replace(sound, training=None)).status == "pass"


def leaked(_values: Any, labels: Any) -> Any:
    return labels


def leaked_now_and_then(_values: Any, labels: Any) -> Any:
    return np.where(np.random.default_rng(0).random(len(labels)) < 0.05, 1 - labels, labels)


def blank_after_leaving(values: Any, labels: Any) -> Any:
    gone = (labels > 0) & (np.random.default_rng(0).random(len(labels)) < 0.3)
    return np.where(gone, 0.0, values + 1)


def numbered(values: Any, _labels: Any) -> Any:
    return np.arange(len(values)) % 1201


DATA_THAT_KNOW = {
    "the outcome itself": ("dependents", leaked, "'dependents' alone tells who leaves, ROC AUC 1.000"),
    "the outcome with errors": ("partner", leaked_now_and_then, "'partner' alone tells who leaves"),
    "a number that is blank once a customer is gone": (
        "total_charges",
        blank_after_leaving,
        "total_charges = 0.0 left: that decides it",
    ),
    "a serial number": ("tenure_months", numbered, "'tenure_months' differs between nearly all customers"),
}


@pytest.mark.parametrize("case", DATA_THAT_KNOW)
def test_data_that_know_the_outcome(case: str, sound: Evidence) -> None:
    name, column, said = DATA_THAT_KNOW[case]
    small = replace(sound, data=taken(sound.raw, sound.labels, slice(0, 1100)))
    result = Leakage().check(changed(small, name, column))
    assert result.status == "fail"
    assert any(said in detail for detail in result.details), result.details


def test_values_in_no_order_are_only_suspicious(sound: Evidence) -> None:
    small = replace(sound, data=taken(sound.raw, sound.labels, slice(0, 1100)), training=None)
    values = small.raw.values.copy()
    values[:, IBM.positions["tenure_months"]] = np.random.default_rng(0).permutation(1100)
    result = Leakage().check(replace(small, data=customers(RawTable(IBM, values), small.labels)))
    assert result.status == "warn"
    assert "like a number that names them" in result.sentence


def test_a_model_that_is_too_good(sound: Evidence, tmp_path: Path) -> None:
    strong = opened(logistic_bundle(tmp_path, weights={k: 12 * v for k, v in WEIGHTS.items()}).folder)
    result = Leakage().check(honest(strong))
    assert result.status == "fail"
    assert any("too good for people" in detail for detail in result.details)


def test_a_model_that_saw_the_customers(sound: Evidence, tmp_path: Path) -> None:
    truth = dict(zip(map(bytes, sound.raw.values), sound.labels.tolist(), strict=True))

    def remember(answers: Any, raw: RawTable) -> Any:
        known = np.array([truth.get(bytes(row), 0.5) for row in raw.values], dtype=np.float32)
        return (0.7 * answers + 0.3 * known).astype(np.float32)

    scorer = odd(tmp_path, remember)
    scorer.bundle = sound.manifest
    result = Leakage().check(replace(sound, candidate=replace(sound.candidate, scorer=scorer)))
    assert result.status == "fail"
    assert "as if it had seen them" in result.sentence


def test_customers_copied_before_the_split(sound: Evidence) -> None:
    raw, labels = sound.raw, sound.labels
    random = np.random.default_rng(0)
    rows = np.concatenate([np.arange(len(labels)), np.repeat(np.flatnonzero(labels), 2)])
    for wobble in (0.0, 0.002):
        drawn, drawn_labels = RawTable(IBM, raw.values[rows].copy()), labels[rows]
        charges = IBM.positions["total_charges"]
        drawn.values[:, charges] += wobble * random.random(len(rows)) * drawn.values[:, charges].std()
        order = random.permutation(len(rows))
        held, fitted = order[:600], order[600:]
        spoiled = replace(
            sound, data=taken(drawn, drawn_labels, held), training=taken(drawn, drawn_labels, fitted)
        )
        result = Leakage().check(spoiled)
        assert result.status == "fail"
        assert "have a near copy among those to fit on" in result.sentence


def test_few_possible_customers_are_no_copies(sound: Evidence) -> None:
    """Twelve possible customers: all have twins, and nobody copied them."""
    random = np.random.default_rng(0)
    values = np.zeros((2000, len(IBM.fields)))
    values[:, IBM.positions["contract"]] = random.integers(0, 3, 2000)
    values[:, IBM.positions["partner"]] = random.integers(0, 2, 2000)
    values[:, IBM.positions["gender"]] = random.integers(0, 2, 2000)
    found = twins(RawTable(IBM, values[:1500]), RawTable(IBM, values[1500:]), 0.01)
    assert (found.judged, found.share) == (0, 0.0)


def test_copies_of_customers_are_found_where_they_are(sound: Evidence) -> None:
    values = sound.raw.values
    found = twins(RawTable(IBM, values[:1000]), RawTable(IBM, values[900:1100]), 0.0)
    assert found.found.tolist() == [True] * 100 + [False] * 100
    assert found.of[:100].tolist() == list(range(900, 1000))
    assert found.judged == 200


# overfit


def memory(evidence: Evidence, folder: Path, strength: float) -> Scorer:
    """A model that remembers outcomes of its training customers."""
    assert evidence.training is not None
    assert evidence.training_raw is not None
    truth = dict(zip(map(bytes, evidence.training_raw.values), evidence.training.labels, strict=True))

    def remember(answers: Any, raw: RawTable) -> Any:
        known = [truth.get(bytes(row)) for row in raw.values]
        pulled = [
            p if k is None else (1 - strength) * p + strength * k
            for p, k in zip(answers.tolist(), known, strict=True)
        ]
        return np.array(pulled, dtype=np.float32)

    return odd(folder, remember)


def with_model(evidence: Evidence, scorer: Scorer, metrics: Any) -> Evidence:
    scorer.bundle = evidence.manifest.model_copy(update={"metrics": metrics}).sealed()
    return replace(evidence, candidate=replace(evidence.candidate, scorer=scorer))


def test_an_honest_model_is_not_overfitted(sound: Evidence) -> None:
    result = Overfit().check(sound)
    assert result.status == "pass"
    assert "as good on customers it has not seen" in result.sentence


def test_a_model_that_learned_by_heart_and_did_not_notice(sound: Evidence, tmp_path: Path) -> None:
    assert sound.training is not None
    scorer = memory(sound, tmp_path, 0.5)
    answers = scorer.probabilities(sound.training_raw or sound.raw)
    result = Overfit().check(with_model(sound, scorer, recorded(sound.training.labels, answers)))
    assert result.status == "fail"
    assert "learned its training customers by heart" in result.sentence
    assert result.intervals["roc_auc:training"].low > 0.05
    assert result.intervals["roc_auc:promised"].low > 0


def test_a_forest_that_knows_how_good_it_is_passes(sound: Evidence, tmp_path: Path) -> None:
    result = Overfit().check(with_model(sound, memory(sound, tmp_path, 0.5), sound.manifest.metrics))
    assert result.status == "pass"
    assert "keeps what it promised" in result.sentence


def test_a_promise_that_is_not_kept_is_a_warning(sound: Evidence, tmp_path: Path) -> None:
    scorer = opened(logistic_bundle(tmp_path).folder)
    answers = np.where(sound.labels > 0, 0.9, sound.probabilities)
    result = Overfit().check(with_model(sound, scorer, recorded(sound.labels, answers)))
    assert result.status == "warn"
    assert "less than training promised" in result.sentence


def test_overfitting_cannot_always_be_told(sound: Evidence) -> None:
    result = Overfit().check(replace(sound, training=None))
    assert (result.status, "not at hand" in result.sentence) == ("skip", True)
    scorer = opened_copy(sound)
    assert Overfit().check(with_model(sound, scorer, {})).status == "skip"


def opened_copy(evidence: Evidence) -> Scorer:
    other = object.__new__(Scorer)
    other.__dict__.update(evidence.candidate.opened("it").__dict__)
    return other


# drift


def test_halves_of_the_same_customers_do_not_drift(sound: Evidence) -> None:
    raw, labels = sound.raw, sound.labels
    statuses: set[str] = set()
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(labels))
        held, fitted = order[:300], order[300:]
        split = replace(sound, data=taken(raw, labels, held), training=taken(raw, labels, fitted))
        statuses.add(Drift().check(split).status)
    assert statuses == {"pass"}


DRIFTED: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "far dearer": ("monthly_charges", lambda v: v * 2.5, "fail"),
    "dearer": ("monthly_charges", lambda v: v * 1.6, "warn"),
    "more of one kind": ("partner", lambda v: np.where(np.arange(len(v)) % 2, 1.0, v), "fail"),
    "hardly": ("monthly_charges", lambda v: v * 1.01, "pass"),
}


@pytest.mark.parametrize("case", DRIFTED)
def test_a_field_that_drifts_is_named(case: str, sound: Evidence) -> None:
    name, column, status = DRIFTED[case]
    values = sound.raw.values.copy()
    index = IBM.positions[name]
    values[:, index] = column(values[:, index])
    result = Drift().check(replace(sound, data=customers(RawTable(IBM, values), sound.labels)))
    assert result.status == status, result.numbers[name]
    if status != "pass":
        assert repr(name) in result.sentence
        assert [detail.split()[0] for detail in result.details] == [name]


def test_a_churn_rate_that_drifts(sound: Evidence) -> None:
    churners = np.flatnonzero(sound.labels)
    rows = np.concatenate([np.arange(len(sound.labels)), np.repeat(churners, 2)])
    result = Drift().check(replace(sound, training=taken(sound.raw, sound.labels, rows)))
    assert result.status == "fail"
    assert any(detail.startswith("the churn rate differs by") for detail in result.details)


def test_drift_needs_training_customers(sound: Evidence) -> None:
    assert Drift().check(replace(sound, training=None)).status == "skip"


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 18])
@pytest.mark.parametrize("value", [0.0, 0.4, 5.0, 40.0])
def test_chi_square_tail_is_scipys(value: float, freedom: int) -> None:
    assert chi_square_tail(value, freedom) == pytest.approx(stats.chi2.sf(value, freedom), abs=1e-12)


@pytest.mark.parametrize("distance", [0.005, 0.03, 0.05, 0.1, 0.5])
def test_kolmogorov_tail_is_near_scipys(distance: float) -> None:
    exact: Any = stats.ks_2samp(np.arange(900.0), np.arange(900.0) + 900 * distance)
    assert kolmogorov_tail(distance, 900, 900) == pytest.approx(exact.pvalue, abs=0.02)


# holdout-reuse


@pytest.mark.parametrize(
    ("looks", "status", "said"),
    [
        (None, "skip", "Nobody counts"),
        (0, "pass", "1 model has been judged"),
        (18, "pass", "19 models have been judged"),
        (19, "warn", "20 models have been judged"),
        (198, "warn", "up to 99%"),
        (199, "fail", "Hold out other customers"),
    ],
)
def test_a_hold_out_wears_out(looks: int | None, status: str, said: str, sound: Evidence) -> None:
    result = HoldoutReuse().check(replace(sound, looks=looks))
    assert result.status == status
    assert said in result.sentence


def test_the_confidence_that_many_looks_ask_for(sound: Evidence) -> None:
    numbers = HoldoutReuse().check(replace(sound, looks=9)).numbers
    assert numbers["confidence"] == pytest.approx(1 - 0.05 / 10)
    assert numbers["luck"] == pytest.approx(1 - 0.975**10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("leakage", {"field_auc": 1.5}, "less than 1"),
        ("leakage", {"twin": 0.1}, "twin: Extra inputs"),
        ("overfit", {"gaps": {"profit": 0.1}}, "metric 'profit' has no gap"),
        ("overfit", {"gaps": {"roc_auc": -1}}, "0 or more"),
        ("overfit", {"gaps": {}}, "at least one metric"),
        ("drift", {"warn": 0.3}, "must not need more than a failure"),
        ("holdout-reuse", {"warn": 300}, "must not exceed fail"),
    ],
)
def test_wrong_options_are_refused(name: str, options: Any, message: str, sound: Evidence) -> None:
    with pytest.raises(ParamsError, match=message):
        judge(sound.candidate, None, sound.data, policy(**{name: options}))


def test_all_of_them_answer_with_numbers_that_a_verdict_takes(sound: Evidence) -> None:
    for check in (Leakage(), Overfit(), Drift(), HoldoutReuse()):
        result: CheckResult = check.check(replace(sound, looks=2))
        assert result.sentence.endswith(".")
        assert result.numbers.keys() & result.thresholds.keys() or result.intervals
