"""The gate as a whole: what passes, what refuses, and what a verdict is tied to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from churn_core import registry
from churn_core.bundle import Scorer
from churn_core.errors import BundleError, DataError, GateRefused, ParamsError, PluginError
from churn_core.gate import (
    CheckResult,
    EvaluationData,
    Evidence,
    Verdict,
    headline,
    judge,
    markdown,
    open_contender,
    policy_digest,
    read_verdict,
)
from churn_core.params import CheckParams, GateParams
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.gate import evaluation, opened, policy

WORSE = {**WEIGHTS, "contract=Month-to-month": 0.0}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return opened(logistic_bundle(tmp_path_factory.mktemp("good")).folder)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return opened(logistic_bundle(tmp_path_factory.mktemp("worse"), weights=WORSE).folder)


@pytest.fixture(scope="module")
def data(good: Scorer) -> EvaluationData:
    return evaluation(good)


def status(verdict: Verdict, name: str) -> str:
    return next(result.status for result in verdict.results if result.name == name)


def test_a_good_first_model_passes_every_check_that_can_be_asked(good: Scorer, data: EvaluationData) -> None:
    verdict = judge(good, None, data, GateParams())
    assert verdict.passed
    assert [(r.name, r.status) for r in verdict.results] == [
        ("bundle-intact", "pass"),
        ("schema-compatible", "pass"),
        ("floors", "pass"),
        ("sample-size", "pass"),
        ("champion", "pass"),
        ("calibration", "pass"),
        ("slices", "pass"),
        ("fairness", "pass"),
        ("leakage", "pass"),
        ("overfit", "skip"),
        ("drift", "skip"),
        ("behaviour", "pass"),
        ("budgets", "pass"),
        ("holdout-reuse", "skip"),
    ]
    assert (verdict.candidate, verdict.champion) == (good.bundle.digest, "")
    assert verdict.rows == 1500


def test_a_worse_model_does_not_replace_the_champion(
    good: Scorer, worse: Scorer, data: EvaluationData
) -> None:
    verdict = judge(worse, good, data, GateParams())
    assert not verdict.passed
    assert status(verdict, "champion") == "fail"
    assert verdict.champion == good.bundle.digest
    assert judge(good, worse, data, GateParams()).passed


def test_the_same_question_has_the_same_answer(
    good: Scorer, worse: Scorer, data: EvaluationData, tmp_path: Path
) -> None:
    first, second = (judge(good, worse, data, GateParams()) for _ in range(2))
    assert first == second
    assert first.digest == second.digest
    copy = open_contender(logistic_bundle(tmp_path / "elsewhere").folder)
    assert judge(copy, worse, data, GateParams()).digest == first.digest


def test_a_verdict_is_tied_to_all_that_it_rests_on(good: Scorer, worse: Scorer, data: EvaluationData) -> None:
    base = judge(good, None, data, policy(floors={"roc_auc": 0.5}))
    labels = data.labels.copy()
    labels[0] = 1 - labels[0]
    other_labels = EvaluationData(data.columns, labels, data.customers_digest, data.split_seed)
    others = [
        judge(worse, None, data, policy(floors={"roc_auc": 0.5})),
        judge(good, worse, data, policy(floors={"roc_auc": 0.5})),
        judge(good, None, other_labels, policy(floors={"roc_auc": 0.5})),
        judge(good, None, data, policy(floors={"roc_auc": 0.6})),
        judge(good, None, data, policy(floors={"roc_auc": 0.5}), other_labels),
    ]
    assert len({base.digest, *(verdict.digest for verdict in others)}) == 6
    for field, verdict in zip(("candidate", "champion", "data", "policy", "training"), others, strict=True):
        assert getattr(verdict, field) != getattr(base, field)


def test_the_order_of_options_is_no_other_policy() -> None:
    one = policy(floors={"roc_auc": 0.8, "log_loss": 0.5})
    two = policy(floors={"log_loss": 0.5, "roc_auc": 0.8})
    assert policy_digest(one) == policy_digest(two)


def test_a_policy_that_asks_nothing_refuses(good: Scorer, data: EvaluationData) -> None:
    verdict = judge(good, None, data, GateParams(checks=()))
    assert not verdict.passed
    assert "no checks" in verdict.results[0].sentence


def test_a_candidate_that_cannot_be_opened_is_refused_with_the_reason(
    good: Scorer, data: EvaluationData, tmp_path: Path
) -> None:
    folder = logistic_bundle(tmp_path / "broken").folder
    graph = bytearray((folder / "model.onnx").read_bytes())
    graph[50] ^= 1
    (folder / "model.onnx").write_bytes(graph)
    verdict = judge(open_contender(folder), good, data, GateParams())
    assert not verdict.passed
    assert verdict.candidate == ""
    assert "model.onnx is not the graph" in verdict.results[0].sentence
    assert {result.status for result in verdict.results[1:]} == {"skip"}


def test_a_graph_that_does_not_answer_is_refused_with_its_digest(
    data: EvaluationData, tmp_path: Path
) -> None:
    bundle = logistic_bundle(tmp_path / "mute", intercept=float("nan"))
    verdict = judge(open_contender(bundle.folder), None, data, GateParams())
    assert not verdict.passed
    assert verdict.candidate == bundle.manifest.digest
    assert "does not answer" in verdict.results[0].sentence


def test_nothing_to_judge_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle folder"):
        open_contender(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [([], "no customers"), ([1, 1], "all 2 customers"), ([0, 0], "stayed"), ([0, 2], "must be 0 or 1")],
)
def test_data_that_cannot_judge_are_an_error(labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        EvaluationData({}, np.array(labels, dtype=np.int64), "", 0)


class Exploding:
    def check(self, evidence: Evidence) -> CheckResult:
        raise ZeroDivisionError("customer 4711 has no tenure")


class Unfinished:
    def check(self, evidence: Evidence) -> Any:
        return True


class NotANumber:
    def check(self, evidence: Evidence) -> CheckResult:
        return CheckResult(status="pass", sentence="Fine.", numbers={"x": float("nan")})


class Waving:
    def check(self, evidence: Evidence) -> CheckResult:
        return CheckResult(status="skip", sentence="Nothing to see here.")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [(Exploding, "ZeroDivisionError"), (Unfinished, "answered bool"), (NotANumber, "ValidationError")],
)
def test_a_check_that_breaks_down_refuses(
    plugin: type, said: str, good: Scorer, data: EvaluationData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "get", lambda group, name: plugin)
    verdict = judge(good, None, data, policy(own={}))
    assert not verdict.passed
    (result,) = verdict.results
    assert (result.name, result.status) == ("own", "fail")
    assert said in result.sentence
    assert "4711" not in result.sentence


def test_a_gate_of_which_every_check_looks_away_refuses(
    good: Scorer, data: EvaluationData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "get", lambda group, name: Waving)
    verdict = judge(good, None, data, policy(own={}))
    assert not verdict.passed
    assert "no check answered" in headline(verdict)


def test_an_unknown_check_is_an_error(good: Scorer, data: EvaluationData) -> None:
    with pytest.raises(PluginError, match="did you mean 'floors'"):
        judge(good, None, data, policy(floor={}))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("floors", {"auc": 0.8}, "no metric 'auc'"),
        ("floors", {"roc_auc": "high"}, "roc_auc"),
        ("floors", {"roc_auc": [0.9, 0.8]}, "must not exceed"),
        ("floors", {"calibration_slope": 1.0}, "two ends of a range"),
        ("champion", {"margins": {"roc_auc": -0.1}}, "0 or more"),
        ("champion", {"margins": {"calibration_slope": 0.1}}, "cannot be compared"),
        ("champion", {"margins": {}, "superiority": []}, "at least one metric"),
        ("champion", {"superiority": ["accuracy"]}, "cannot be compared"),
        ("champion", {"margin": 0.1}, "margin: Extra inputs"),
        ("bundle-intact", {"parity": 2}, "less than 1"),
    ],
)
def test_wrong_options_are_an_error_that_names_the_check(
    name: str, options: dict[str, object], message: str, good: Scorer, data: EvaluationData
) -> None:
    asked = GateParams(checks=(CheckParams(name=name, options=options),))
    with pytest.raises(ParamsError, match=message) as caught:
        judge(good, None, data, asked)
    assert f"gate check {name!r}" in str(caught.value)


def test_a_verdict_survives_writing_and_reading(good: Scorer, data: EvaluationData) -> None:
    verdict = judge(good, None, data, GateParams())
    assert read_verdict(verdict.to_bytes()) == verdict


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 3}, "was changed"),
        ({"candidate": "f" * 64}, "was changed"),
        ({"passed": False}, "not a verdict"),
        ({"format": 2}, "not a verdict"),
    ],
)
def test_a_changed_verdict_is_refused(
    change: dict[str, object], message: str, good: Scorer, data: EvaluationData
) -> None:
    content = json.loads(judge(good, None, data, GateParams()).to_bytes())
    with pytest.raises(GateRefused, match=message):
        read_verdict(json.dumps({**content, **change}).encode())


def test_the_published_schema_is_that_of_a_verdict(good: Scorer, data: EvaluationData) -> None:
    published = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())
    assert published == Verdict.model_json_schema()
    jsonschema.validate(json.loads(judge(good, None, data, GateParams()).to_bytes()), published)


def test_the_page_says_it_all(good: Scorer, worse: Scorer, data: EvaluationData) -> None:
    verdict = judge(worse, good, data, GateParams())
    page = markdown(verdict)
    assert page.startswith("# Gate: refused\n")
    assert "The candidate is refused (judged on 1,500 held-out customers, against the champion)" in page
    for text in (*(r.sentence for r in verdict.results), verdict.digest, worse.bundle.digest):
        assert text in page
    assert "| roc_auc | " in page


def test_a_page_is_not_broken_by_what_checks_say() -> None:
    result = CheckResult(name="own", status="fail", sentence="a | b\nc", details=("x\n# y",))
    verdict = Verdict.of("", "", "0" * 64, "0" * 64, 1, (result,))
    lines = markdown(verdict).splitlines()
    assert "| own | failed | a \\| b c |" in lines
    assert "- x # y" in lines
