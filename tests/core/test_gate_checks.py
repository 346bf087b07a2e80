"""The built-in checks, one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_core.bundle import Scorer, read_bundle
from churn_core.bundle.manifest import Parity
from churn_core.features import RawTable
from churn_core.gate import CheckResult, Contender, EvaluationData, Evidence, contender, open_contender
from churn_core.gate.checks.champion import NotWorseThanChampion
from churn_core.gate.checks.compatible import SchemaCompatible
from churn_core.gate.checks.floors import Floors
from churn_core.gate.checks.intact import BundleIntact
from churn_core.params import GateParams
from churn_core.schemas import (
    Condition,
    FieldSpec,
    IbmTelcoCustomer,
    Implies,
    SchemaSpec,
    TelcoVisionCustomer,
)
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.gate import evaluation, opened

IBM = IbmTelcoCustomer.spec


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return opened(logistic_bundle(tmp_path_factory.mktemp("good")).folder)


@pytest.fixture(scope="module")
def data(good: Scorer) -> EvaluationData:
    return evaluation(good)


def ask(
    check: Any,
    candidate: Scorer | Contender,
    data: EvaluationData,
    champion: Scorer | Contender | None = None,
) -> CheckResult:
    pair = [one if isinstance(one, Contender | None) else contender(one) for one in (candidate, champion)]
    assert pair[0] is not None
    return check.check(Evidence(pair[0], pair[1], data, GateParams()))


class Odd(Scorer):
    """A scorer whose answers go through `change`."""

    change: Callable[[NDArray[np.float32]], NDArray[np.float32]] = staticmethod(lambda answers: answers)

    def probabilities(self, raw: RawTable) -> NDArray[np.float32]:
        return self.change(super().probabilities(raw))


def odd(folder: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Scorer:
    scorer = Odd(logistic_bundle(folder))
    scorer.change = change
    return scorer


# bundle-intact


def test_a_sound_bundle(good: Scorer, data: EvaluationData) -> None:
    result = ask(BundleIntact(), good, data)
    assert result.status == "pass"
    assert result.numbers == {"rows": 1500, "parity": 0.0}


@pytest.mark.parametrize(
    ("parity", "said"),
    [
        (Parity(rows=10, max_difference=2e-6, tolerance=1.0), "differs from the trained estimators by 2e-06"),
        (Parity(rows=0, max_difference=0.0, tolerance=1e-6), "never compared"),
    ],
)
def test_a_graph_that_is_not_the_trained_model(
    parity: Parity, said: str, data: EvaluationData, tmp_path: Path
) -> None:
    result = ask(BundleIntact(), opened(logistic_bundle(tmp_path, parity=parity).folder), data)
    assert result.status == "fail"
    assert said in result.sentence


def test_a_bundle_that_may_have_seen_the_customers(good: Scorer) -> None:
    other = ask(BundleIntact(), good, evaluation(good, digest="1" * 64))
    assert other.status == "fail"
    assert "held out other customers" in other.sentence
    seed = ask(BundleIntact(), good, evaluation(good, split_seed=3))
    assert seed.status == "fail"
    assert "the split of seed 0, the data are of 3" in seed.sentence


def test_answers_that_are_no_probabilities(data: EvaluationData, tmp_path: Path) -> None:
    for name, value in (("nan", np.nan), ("big", 1.5), ("negative", -0.1)):

        def spoil(answers: NDArray[np.float32], value: float = value) -> NDArray[np.float32]:
            return np.where(np.arange(len(answers)) < 3, value, answers).astype(np.float32)

        scorer = Odd(logistic_bundle(tmp_path / name))
        scorer.change = spoil
        result = ask(BundleIntact(), scorer, data)
        assert result.status == "fail"
        assert "3 of 1500 answers are not probabilities" in result.details


def test_answers_that_change(data: EvaluationData, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scorer = odd(tmp_path, lambda answers: answers * np.float32(random.random()))
    result = ask(BundleIntact(), scorer, data)
    assert result.status == "fail"
    assert "differently when it is asked again" in result.sentence


# schema-compatible


def changed(name: str, **changes: Any) -> SchemaSpec:
    """The IBM schema with one field changed."""
    fields = [f.model_copy(update=changes) if f.name == name else f for f in IBM.fields]
    return IBM.model_copy(update={"fields": tuple(fields)})


def bundle_of(folder: Path, spec: SchemaSpec) -> Scorer:
    return opened(logistic_bundle(folder, spec=spec).folder)


def test_the_first_model_has_no_clients_yet(good: Scorer, data: EvaluationData) -> None:
    result = ask(SchemaCompatible(), good, data)
    assert (result.status, result.details) == ("pass", ())


def test_equal_schemas(good: Scorer, data: EvaluationData) -> None:
    assert ask(SchemaCompatible(), good, data, good).status == "pass"


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("contract", {"values": ("Month-to-month", "One year", "Two year", "Weekly")}, "now takes one of"),
        ("tenure_months", {"le": 2000.0}, "now takes a whole number from 0 to 2000"),
        ("tenure_months", {"integer": False}, "now takes a number"),
        ("contract", {"description": "other words"}, None),
    ],
)
def test_schemas_may_widen(
    name: str, changes: dict[str, Any], said: str | None, good: Scorer, data: EvaluationData, tmp_path: Path
) -> None:
    result = ask(SchemaCompatible(), bundle_of(tmp_path, changed(name, **changes)), data, good)
    assert result.status == "pass"
    assert any(said in detail for detail in result.details) if said else not result.details


NEW_FIELD = FieldSpec(name="age", role="numeric", description="Age", example=30, integer=True, ge=18, le=120)
NEW_RULE = Implies(
    when=Condition(field="partner", values=(True,)), then=Condition(field="dependents", values=(False,))
)
NARROWED = {
    "a lost category": (
        changed("contract", values=("Month-to-month", "One year")),
        "field 'contract' no longer takes 'Two year'",
    ),
    "a narrower range": (changed("tenure_months", le=72.0), "field 'tenure_months' takes a whole number"),
    "a raised minimum": (changed("monthly_charges", ge=1.0), "field 'monthly_charges' takes a number from 1"),
    "whole numbers only": (
        changed("monthly_charges", integer=True, example=85),
        "field 'monthly_charges' takes a whole number",
    ),
    "another role": (
        changed("tech_support", role="flag", values=(), example=True),
        "field 'tech_support' is a flag instead of a category",
    ),
    "a new field": (
        IBM.model_copy(update={"fields": (*IBM.fields, NEW_FIELD)}),
        "field 'age' is new and required",
    ),
    "a lost field": (
        IBM.model_copy(
            update={
                "fields": tuple(f for f in IBM.fields if f.name != "gender"),
                "slices": tuple(s for s in IBM.slices if s.field != "gender"),
            }
        ),
        "field 'gender' is no longer known",
    ),
    "a new rule": (
        IBM.model_copy(update={"rules": (*IBM.rules, NEW_RULE)}),
        "the rule 'dependents is false where partner is true' is new",
    ),
    "another schema": (TelcoVisionCustomer.spec, "the schema is 'telcovision' instead of 'ibm-telco'"),
}


@pytest.mark.parametrize("case", NARROWED)
def test_schemas_may_not_narrow(case: str, good: Scorer, data: EvaluationData, tmp_path: Path) -> None:
    spec, said = NARROWED[case]
    manifest = good.bundle.model_copy(update={"schema_spec": spec})
    candidate = Contender("1" * 64, manifest, _of(good, manifest))
    result = ask(SchemaCompatible(), candidate, data, good)
    assert result.status == "fail"
    assert any(said in detail for detail in result.details)
    assert said in result.sentence


def _of(scorer: Scorer, manifest: Any) -> Scorer:
    """A scorer that shows another manifest: the check looks at nothing else."""
    other = object.__new__(Scorer)
    other.__dict__.update(scorer.__dict__, bundle=manifest)
    return other


def test_a_champion_whose_schema_cannot_be_read(good: Scorer, data: EvaluationData, tmp_path: Path) -> None:
    folder = logistic_bundle(tmp_path).folder
    (folder / "manifest.json").write_text("{}")
    result = ask(SchemaCompatible(), good, data, open_contender(folder))
    assert result.status == "fail"
    assert "format None" in result.sentence


# floors


@pytest.mark.parametrize(
    ("bounds", "status"),
    [
        ({"roc_auc": 0.75}, "pass"),
        ({"roc_auc": 0.80}, "fail"),
        ({"log_loss": 0.9}, "pass"),
        ({"log_loss": 0.1}, "fail"),
        ({"calibration_slope": [0.8, 1.3]}, "pass"),
        ({"calibration_slope": [0.5, 1.05]}, "warn"),
        ({"calibration_slope": [1.5, 1.8]}, "fail"),
        ({"accuracy": 0.5, "profit": 0.0}, "pass"),
        ({"roc_auc": 0.75, "log_loss": 0.1}, "fail"),
        ({}, "pass"),
    ],
)
def test_floors(bounds: dict[str, Any], status: str, good: Scorer, data: EvaluationData) -> None:
    assert ask(Floors(bounds), good, data).status == status


def test_a_floor_binds_the_worse_end_of_the_interval(good: Scorer, data: EvaluationData) -> None:
    found = ask(Floors({"roc_auc": 0.5, "log_loss": 0.9}), good, data).intervals
    auc, loss = found["roc_auc"], found["log_loss"]
    assert auc.low < auc.value < auc.high
    assert ask(Floors({"roc_auc": auc.low}), good, data).status == "pass"
    assert ask(Floors({"roc_auc": auc.low + 1e-6}), good, data).status == "fail"
    assert ask(Floors({"log_loss": loss.high}), good, data).status == "pass"
    assert ask(Floors({"log_loss": loss.high - 1e-6}), good, data).status == "fail"


def test_a_metric_that_is_not_defined_fails(data: EvaluationData, tmp_path: Path) -> None:
    constant = opened(logistic_bundle(tmp_path, weights={}, intercept=-1.0).folder)
    result = ask(Floors({"calibration_slope": (0.8, 1.25)}), constant, data)
    assert result.status == "fail"
    assert "not defined" in result.sentence
    assert result.intervals == {}


# champion


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    weights = {**WEIGHTS, "contract=Month-to-month": 0.0}
    return opened(logistic_bundle(tmp_path_factory.mktemp("worse"), weights=weights).folder)


def test_there_may_be_no_champion(good: Scorer, data: EvaluationData) -> None:
    assert ask(NotWorseThanChampion(), good, data).status == "pass"


def test_a_model_is_not_worse_than_itself(good: Scorer, data: EvaluationData) -> None:
    result = ask(NotWorseThanChampion(), good, data, good)
    assert (result.status, result.intervals) == ("pass", {})


def test_worse_and_better(good: Scorer, worse: Scorer, data: EvaluationData) -> None:
    lost = ask(NotWorseThanChampion(), worse, data, good)
    assert lost.status == "fail"
    assert lost.intervals["roc_auc"].high < 0
    won = ask(NotWorseThanChampion(), good, data, worse)
    assert won.status == "pass"
    assert won.intervals["roc_auc"].low > 0


def test_a_margin_binds_the_worse_end_of_the_interval(
    good: Scorer, worse: Scorer, data: EvaluationData
) -> None:
    difference = ask(NotWorseThanChampion(), worse, data, good).intervals["roc_auc"]
    for margin, status in ((-difference.low, "pass"), (-difference.low - 1e-6, "fail")):
        check = NotWorseThanChampion(margins={"roc_auc": margin}, superiority=())
        assert ask(check, worse, data, good).status == status


def test_an_equal_model_of_another_digest_passes(good: Scorer, data: EvaluationData, tmp_path: Path) -> None:
    twin = opened(logistic_bundle(tmp_path, trainer="another").folder)
    assert twin.bundle.digest != good.bundle.digest
    result = ask(NotWorseThanChampion(margins={"roc_auc": 0.0, "brier": 0.0}), twin, data, good)
    assert result.status == "pass"


def test_a_champion_that_cannot_score_the_customers(
    good: Scorer, data: EvaluationData, tmp_path: Path
) -> None:
    other = opened(logistic_bundle(tmp_path, spec=TelcoVisionCustomer.spec, weights={}).folder)
    result = ask(NotWorseThanChampion(), good, data, other)
    assert result.status == "fail"
    assert "column 'age' is missing" in result.sentence
    assert ask(NotWorseThanChampion(incomparable="warn"), good, data, other).status == "warn"


def test_a_champion_that_refuses_some_customers(good: Scorer, data: EvaluationData, tmp_path: Path) -> None:
    narrow = opened(logistic_bundle(tmp_path, spec=changed("monthly_charges", le=90.0)).folder)
    result = ask(NotWorseThanChampion(), good, data, narrow)
    assert result.status == "fail"
    assert "because of: monthly_charges" in result.sentence


def test_a_champion_that_cannot_be_opened(good: Scorer, data: EvaluationData, tmp_path: Path) -> None:
    folder = logistic_bundle(tmp_path).folder
    (folder / "model.onnx").write_bytes(b"")
    result = ask(NotWorseThanChampion(), good, data, open_contender(folder))
    assert result.status == "fail"
    assert "the champion cannot be opened" in result.sentence


def test_a_champion_that_may_have_seen_the_customers(good: Scorer, tmp_path: Path) -> None:
    lineage = read_bundle(logistic_bundle(tmp_path / "a").folder).manifest.lineage
    weights = {**WEIGHTS, "contract=Month-to-month": 0.0}
    new = lineage.model_copy(update={"holdout_digest": "1" * 64, "split_seed": 1})
    candidate = opened(logistic_bundle(tmp_path / "b", weights=weights, lineage=new).folder)
    unseen = evaluation(good, digest="1" * 64, split_seed=1)
    lost = ask(NotWorseThanChampion(), candidate, unseen, good)
    assert lost.status == "fail"
    assert "may be worse" in lost.sentence
    assert "may have been trained on some of these" in lost.sentence
    assert "split.seed; the option `seen: warn`" in lost.sentence
    assert ask(NotWorseThanChampion(seen="warn"), candidate, unseen, good).status == "warn"


def test_a_candidate_that_beats_a_flattered_champion(
    good: Scorer, data: EvaluationData, tmp_path: Path
) -> None:
    lineage = good.bundle.lineage.model_copy(update={"holdout_digest": "1" * 64, "split_seed": 1})
    weights = {**WEIGHTS, "contract=Month-to-month": 0.0}
    champion = opened(logistic_bundle(tmp_path, weights=weights, lineage=lineage).folder)
    won = ask(NotWorseThanChampion(), good, data, champion)
    assert won.status == "pass"
    assert "may have been trained on some of these" in won.sentence
    assert "seen: warn" not in won.sentence


def test_a_candidate_that_refuses_its_own_customers_is_an_error(good: Scorer, data: EvaluationData) -> None:
    table = data.columns.set_column(0, "customer_id", data.columns["customer_id"]).drop_columns(["gender"])
    broken = EvaluationData(table, data.labels, data.customers_digest, data.split_seed)
    with pytest.raises(Exception, match="column 'gender' is missing"):
        ask(Floors(), good, broken)
