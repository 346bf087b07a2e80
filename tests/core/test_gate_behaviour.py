"""Checks about what a bundle is, does and costs: origin, requests, behaviour, budgets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_core.bundle import Scorer
from churn_core.errors import ParamsError, SchemaError
from churn_core.features import RawTable
from churn_core.gate import Evidence, contender, judge
from churn_core.gate.checks.behaviour import Behaviour
from churn_core.gate.checks.budgets import Budgets
from churn_core.gate.checks.compatible import SchemaCompatible
from churn_core.gate.checks.intact import BundleIntact
from churn_core.gate.corners import corners
from churn_core.schemas import (
    Customer,
    IbmTelcoCustomer,
    Invariant,
    Monotone,
    SchemaSpec,
    TelcoVisionCustomer,
    customer_class,
)
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.evaluations import WEIGHTS as TELCOVISION
from tests.support.gate import opened, policy
from tests.support.judged import honest, odd
from tests.support.schemas import PhoneCustomer, RailCustomer

IBM = IbmTelcoCustomer.spec


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return honest(opened(logistic_bundle(tmp_path_factory.mktemp("sound")).folder))


def shown_as(evidence: Evidence, scorer: Scorer, **changes: Any) -> Evidence:
    """The same evidence about another model, whose manifest has the metrics of the sound one."""
    update = {"metrics": evidence.manifest.metrics, **changes}
    scorer.bundle = scorer.bundle.model_copy(update=update).sealed()
    return replace(evidence, candidate=contender(scorer))


# bundle-intact


def test_a_sound_bundle_of_known_origin(sound: Evidence) -> None:
    result = BundleIntact().check(sound)
    assert (result.status, result.details) == ("pass", ())


LINEAGE: dict[str, tuple[dict[str, Any], str, str]] = {
    "other customers": (
        {"train_digest": "1" * 64, "train_rows": 17, "churn_rate": 0.5},
        "fail",
        "trained on other customers or outcomes (17 customers, 50.0% churn) than those at hand (4500 and",
    ),
    "an unknown commit": ({"git_commit": ""}, "warn", "nobody knows by which commit"),
    "changed code": ({"git_commit": "c" * 40 + "+dirty"}, "warn", "code that was not committed"),
}


@pytest.mark.parametrize("case", LINEAGE)
def test_an_origin_that_does_not_fit(case: str, sound: Evidence, tmp_path: Path) -> None:
    update, status, said = LINEAGE[case]
    lineage = sound.manifest.lineage.model_copy(update=update)
    scorer = opened(logistic_bundle(tmp_path, lineage=lineage).folder)
    result = BundleIntact().check(shown_as(sound, scorer))
    assert result.status == status
    assert said in result.sentence


def test_nobody_trained_it(sound: Evidence, tmp_path: Path) -> None:
    nobody: list[dict[str, Any]] = [{"trainer": ""}, {"members": ()}]
    for changes in nobody:
        scorer = opened(logistic_bundle(tmp_path, **changes).folder)
        assert "what was trained" in BundleIntact().check(shown_as(sound, scorer)).sentence


def swapped(weights: dict[str, float]) -> dict[str, float]:
    return dict(zip(weights, [*weights.values()][::-1], strict=True))


OTHER_GRAPHS: dict[str, dict[str, float]] = {
    "features in another order": swapped(WEIGHTS),
    "the other way round": {name: -weight for name, weight in WEIGHTS.items()},
    "stretched by a monotone map": {name: 4 * weight for name, weight in WEIGHTS.items()},
}


@pytest.mark.parametrize("case", OTHER_GRAPHS)
def test_a_graph_that_was_exchanged(case: str, sound: Evidence, tmp_path: Path) -> None:
    scorer = opened(logistic_bundle(tmp_path, weights=OTHER_GRAPHS[case]).folder)
    result = BundleIntact().check(shown_as(sound, scorer))
    assert result.status == "fail"
    assert "so the graph is not what was trained" in result.sentence
    assert BundleIntact().check(replace(shown_as(sound, scorer), training=None)).status == "pass"


ODD_ANSWERS: dict[str, tuple[Callable[[Any, RawTable], Any], str]] = {
    "always the same": (lambda p, _: np.full_like(p, 0.3), "every customer the same answer"),
    "by company": (lambda p, _: (p - p.mean() * 0.1).clip(0, 1), "depends on who else is asked about"),
    "by place": (
        lambda p, _: (p * (1 - 0.1 * (np.arange(len(p)) % 2))).astype(np.float32),
        "depends on who else is asked about",
    ),
    "nothing now and then": (
        lambda p, raw: np.where(raw.values[:, IBM.positions["tenure_months"]] == 1, np.nan, p),
        "answers are not probabilities",
    ),
}


@pytest.mark.parametrize("case", ODD_ANSWERS)
def test_answers_that_no_model_gives(case: str, sound: Evidence, tmp_path: Path) -> None:
    change, said = ODD_ANSWERS[case]
    result = BundleIntact().check(shown_as(sound, odd(tmp_path, change)))
    assert result.status == "fail"
    assert any(said in detail for detail in result.details), result.details


# schema-compatible


@pytest.mark.parametrize("schema", [IbmTelcoCustomer, TelcoVisionCustomer, RailCustomer, PhoneCustomer])
def test_corners_reach_every_value_and_are_valid(schema: type[Customer]) -> None:
    found = list(corners(schema.spec))
    for customer in found:
        schema.parse(customer)
    for field in schema.spec.fields:
        seen = {customer[field.name] for customer in found}
        ends = field.bounds if field.role == "numeric" else field.values or (False, True)
        reached = sum(end in seen for end in ends)
        assert reached == len(ends), (field.name, ends, seen)


def test_every_valid_customer_is_answered(sound: Evidence) -> None:
    result = SchemaCompatible().check(sound)
    assert result.status == "pass"
    assert result.numbers["tried"] > 50


def test_a_model_that_stumbles_at_the_end_of_a_range(sound: Evidence, tmp_path: Path) -> None:
    """As a feature that divides by the tenure would."""

    def divide(answers: Any, raw: RawTable) -> Any:
        return np.where(raw.values[:, IBM.positions["tenure_months"]] == 0, np.nan, answers)

    result = SchemaCompatible().check(shown_as(sound, odd(tmp_path, divide)))
    assert result.status == "fail"
    assert "is answered with no probability" in result.sentence


def recordings(folder: Path, *lines: Any) -> str:
    path = folder / "requests.jsonl"
    path.write_text("\n\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return str(path)


def test_recorded_requests_are_sent_again(sound: Evidence, tmp_path: Path) -> None:
    example = IBM.example()
    path = recordings(tmp_path, example, {"customers": [example, example]})
    before = SchemaCompatible().check(sound).numbers["tried"]
    result = SchemaCompatible(requests=path).check(sound)
    assert (result.status, result.numbers["tried"]) == ("pass", before + 3)
    assert "3 recorded requests, SHA-256" in result.details[0]


def test_a_recorded_request_that_is_refused(sound: Evidence, tmp_path: Path) -> None:
    strange = {**IBM.example(), "contract": "Weekly", "tenure_months": -1}
    path = recordings(tmp_path, IBM.example(), strange)
    result = SchemaCompatible(requests=path).check(sound)
    assert result.status == "fail"
    assert "recorded request 2 is refused because of: tenure_months, contract" in result.sentence
    rival = replace(sound, champion=sound.candidate)
    assert SchemaCompatible(requests=path).check(rival).status == "pass"  # it was refused before


@pytest.mark.parametrize("line", ["{", "[1]", "3", '{"customers": 3}', '{"customers": [3]}'])
def test_recordings_that_are_none(line: str, sound: Evidence, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"requests.jsonl, line 1 is"):
        SchemaCompatible(requests=recordings(tmp_path, line)).check(sound)
    with pytest.raises(ParamsError, match="cannot be read"):
        SchemaCompatible(requests=str(tmp_path / "nowhere")).check(sound)


# behaviour


@pytest.mark.parametrize(("spec", "weights"), [(IBM, WEIGHTS), (TelcoVisionCustomer.spec, TELCOVISION)])
def test_honest_models_do_what_is_expected(spec: SchemaSpec, weights: Any, tmp_path: Path) -> None:
    result = Behaviour().check(honest(opened(logistic_bundle(tmp_path, spec=spec, weights=weights).folder)))
    assert (result.status, result.details) == ("pass", ())
    assert len(result.numbers) == len(spec.expectations) > 3


WRONG: dict[str, tuple[dict[str, float], str]] = {
    "longer contracts are riskier": (
        {**WEIGHTS, "contract=Month-to-month": -1.2, "contract=Two year": 1.1},
        "the risk falls when contract goes from Month-to-month to One year to Two year",
    ),
    "women are riskier": ({**WEIGHTS, "gender=Female": 0.8}, "the risk stays when gender goes from Female"),
}


@pytest.mark.parametrize("case", WRONG)
def test_models_that_do_otherwise(case: str, sound: Evidence, tmp_path: Path) -> None:
    weights, said = WRONG[case]
    result = Behaviour().check(shown_as(sound, opened(logistic_bundle(tmp_path, weights=weights).folder)))
    assert result.status == "fail"
    assert said in result.sentence


def test_loyal_customers_that_are_called_riskier(tmp_path: Path) -> None:
    spec = TelcoVisionCustomer.spec
    truth = honest(opened(logistic_bundle(tmp_path / "a", spec=spec, weights=TELCOVISION).folder))
    weights = {**TELCOVISION, "tenure_months": 0.02}
    scorer = opened(logistic_bundle(tmp_path / "b", spec=spec, weights=weights).folder)
    result = Behaviour().check(shown_as(truth, scorer))
    assert result.status == "fail"
    assert "the risk falls when tenure_months rises by 12" in result.sentence


def test_a_segment_that_does_otherwise(sound: Evidence, tmp_path: Path) -> None:
    """Labels flipped for senior citizens: one in two of them, none of the others."""

    def flip(answers: Any, raw: RawTable) -> Any:
        return np.where(raw.flag("senior_citizen") > 0, 1 - answers, answers)

    result = Behaviour().check(shown_as(sound, odd(tmp_path, flip)))
    assert result.status == "fail"
    assert "contract" in result.sentence


def test_what_the_customers_do_not_show_is_a_warning(sound: Evidence, tmp_path: Path) -> None:
    """Customers for whom long contracts are the risky ones, and a model that says so."""
    weights = {**WEIGHTS, "contract=Month-to-month": -1.2, "contract=Two year": 1.1}
    scorer = opened(logistic_bundle(tmp_path, weights=weights).folder)
    result = Behaviour().check(honest(scorer))
    assert result.status == "warn"
    assert "otherwise than expected" in result.sentence


def test_a_candidate_cannot_drop_what_is_expected(sound: Evidence, tmp_path: Path) -> None:
    free = IBM.model_copy(update={"expectations": ()})
    assert free.fingerprint == IBM.fingerprint
    weights, said = WRONG["longer contracts are riskier"]
    scorer = opened(logistic_bundle(tmp_path, spec=free, weights=weights).folder)
    alone = shown_as(sound, scorer)
    assert Behaviour().check(alone).status == "skip"
    assert said in Behaviour().check(replace(alone, champion=sound.candidate)).sentence
    asked = Behaviour(expectations=IBM.expectations[:1])
    assert said in asked.check(alone).sentence


def test_a_warning_where_the_expectation_says_so(sound: Evidence, tmp_path: Path) -> None:
    scorer = opened(logistic_bundle(tmp_path, weights={**WEIGHTS, "partner": 2.0}).folder)
    mild = Invariant(field="partner", values=(False, True), severity="warn")
    evidence = shown_as(sound, scorer)
    assert Behaviour(expectations=(mild,)).check(evidence).status == "warn"
    assert Behaviour(expectations=(mild.model_copy(update={"size": 0.9}),)).check(evidence).status == "pass"


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (Monotone(field="age", step=1, risk="falls"), "speaks of 'age', which is not a field"),
        (Monotone(field="tenure_months", risk="falls"), "needs a step within its range"),
        (Monotone(field="tenure_months", values=(1, 2), step=1, risk="falls"), "needs a step"),
        (Monotone(field="contract", values=("One year",), risk="falls"), "two or more of its values"),
        (Monotone(field="contract", values=("One year", "Weekly"), risk="falls"), "two or more of its"),
        (Invariant(field="partner", step=1, values=(True, False)), "two or more of its values"),
    ],
)
def test_expectations_that_make_no_sense(expectation: Any, said: str, sound: Evidence) -> None:
    with pytest.raises(ParamsError, match=said):
        Behaviour(expectations=(expectation,)).check(sound)
    with pytest.raises(SchemaError, match=said):
        customer_class(IBM.model_copy(update={"expectations": (expectation,)}))


def test_schemas_of_old_keep_their_bytes_and_new_ones_travel() -> None:
    old = IBM.model_copy(update={"expectations": ()})
    assert "expectations" not in old.model_dump_json()
    assert customer_class(SchemaSpec.model_validate_json(IBM.model_dump_json())).spec == IBM


# budgets


def test_a_light_bundle_keeps_its_budgets(sound: Evidence) -> None:
    result = Budgets().check(sound)
    assert (result.status, result.details) == ("pass", ())
    assert 0 < result.numbers["megabytes"] < 1


def busy(seconds: float, least: int) -> Callable[[Any, RawTable], Any]:
    from time import process_time

    def change(answers: Any, raw: RawTable) -> Any:
        end = process_time() + seconds
        while len(raw) >= least and process_time() < end:
            pass
        return answers

    return change


@pytest.mark.parametrize(("least", "said"), [(1, "one answer takes more"), (500, "500 answers at once take")])
def test_a_model_that_is_too_slow(least: int, said: str, sound: Evidence, tmp_path: Path) -> None:
    result = Budgets(bulk=30).check(shown_as(sound, odd(tmp_path, busy(0.02, least))))
    assert result.status == "fail"
    assert said in result.sentence
    assert all(number == round(number, 6) for number in result.numbers.values())


def test_a_bundle_that_is_too_large(sound: Evidence) -> None:
    result = Budgets(megabytes=0.01).check(sound)
    assert result.status == "fail"
    assert "too large" in result.sentence


def test_a_bundle_that_imports_what_it_must_not(sound: Evidence) -> None:
    result = Budgets(forbidden=("numpy", "pandas")).check(sound)
    assert result.status == "fail"
    assert "opening it imports numpy, which no service should need" in result.sentence
    slow = Budgets(imports=1e-6).check(sound)
    assert "more than 1e-06 times what numpy and onnxruntime take" in slow.sentence


def test_times_leave_no_trace_in_a_verdict(sound: Evidence) -> None:
    asked = policy(budgets={}, behaviour={}, bundle_intact={})
    first, second = (
        judge(sound.candidate, None, sound.data, asked, sound.training, looks=1) for _ in range(2)
    )
    assert first.passed
    assert first.digest == second.digest
