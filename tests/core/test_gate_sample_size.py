"""Whether there are enough customers, by the check `sample-size`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.gate.simulate import duel
from churn_core.bundle import Scorer
from churn_core.gate import CheckResult, EvaluationData, Evidence, contender
from churn_core.gate.checks.champion import NotWorseThanChampion
from churn_core.gate.checks.sample_size import Demand, SampleSize, needed
from churn_core.params import GateParams
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.gate import evaluation, opened, policy


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return opened(logistic_bundle(tmp_path_factory.mktemp("good")).folder)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A model that says something else of many customers."""
    weights = {**WEIGHTS, "paperless_billing": -0.3, "payment_method=Electronic check": 0.0}
    return opened(logistic_bundle(tmp_path_factory.mktemp("other"), weights=weights).folder)


@pytest.fixture(scope="module")
def data(good: Scorer) -> EvaluationData:
    return evaluation(good)


def ask(
    check: SampleSize,
    candidate: Scorer,
    data: EvaluationData,
    champion: Scorer | None = None,
    asked: GateParams | None = None,
) -> CheckResult:
    rival = champion and contender(champion)
    return check.check(Evidence(contender(candidate), rival, data, asked or GateParams()))


def test_too_few_of_any_kind_fail(good: Scorer, data: EvaluationData) -> None:
    churners = int(data.labels.sum())
    for check, said in (
        (SampleSize(rows=1501), "1,500 customers (1,501 asked)"),
        (SampleSize(churners=churners + 1), f"{churners} who left ({churners + 1} asked)"),
        (SampleSize(churners=1500 - churners + 1), "who stayed"),
    ):
        result = ask(check, good, data)
        assert result.status == "fail"
        assert said in result.sentence
    assert ask(SampleSize(rows=1500, churners=churners), good, data).status == "pass"


def test_without_a_champion_the_figures_are_for_information(good: Scorer, data: EvaluationData) -> None:
    result = ask(SampleSize(detect={"log_loss": 1e-4}), good, data)
    assert result.status == "pass"
    assert result.numbers["rows needed"] > 1e6
    assert ask(SampleSize(), good, data, good).numbers == ask(SampleSize(), good, data).numbers


def test_what_cannot_be_told_warns_or_fails(good: Scorer, other: Scorer, data: EvaluationData) -> None:
    small = {"log_loss": 0.0005}
    few = ask(SampleSize(detect=small), good, data, other)
    assert few.status == "warn"
    assert (
        "There are few customers to compare models on: 1,500 customers recognise a better model"
        in few.sentence
    )
    assert "Log loss by 0.0005" in few.sentence
    assert ask(SampleSize(detect=small, otherwise="fail"), good, data, other).status == "fail"
    large = policy(champion={"margins": {"roc_auc": 0.2, "log_loss": 0.2}})
    assert ask(SampleSize(), good, data, other, large).status == "pass"


def test_it_asks_what_the_champion_check_of_the_policy_asks(
    good: Scorer, other: Scorer, data: EvaluationData
) -> None:
    plain = ask(SampleSize(), good, data, other)
    assert {"roc_auc detectable", "log_loss detectable"} <= set(plain.numbers)
    asked = policy(champion={"margins": {"brier": 0.01}, "superiority": ["profit"], "confidence": 0.99})
    result = ask(SampleSize(detect={"profit": 0.2}), good, data, other, asked)
    assert {"brier detectable", "profit detectable"} <= set(result.numbers)
    assert "log_loss detectable" not in result.numbers
    sure = ask(SampleSize(), good, data, other, policy(champion={"confidence": 0.999}))
    assert sure.numbers["rows needed"] > plain.numbers["rows needed"]


def test_metrics_without_a_formula_are_reckoned_by_bootstrap(good: Scorer, data: EvaluationData) -> None:
    asked = policy(champion={"margins": {"roc_auc": 0.01, "pr_auc": 0.01}, "superiority": []})
    numbers = ask(SampleSize(), good, data, None, asked).numbers
    # The area under the precision-recall curve of a sample varies more, but not by another order.
    assert 1 < numbers["pr_auc detectable"] / numbers["roc_auc detectable"] < 4


def test_power_and_rows_are_those_of_a_test_of_a_mean() -> None:
    one = Demand("log_loss", effect=0.01, error=0.004, reach=1.959964)
    assert one.power() == pytest.approx(stats.norm.sf(stats.norm.ppf(0.975) - 2.5))
    rows = needed([one], 1000, 0.8)
    assert rows == pytest.approx(1000 * (2.8016 * 0.4) ** 2, rel=1e-3)
    enough = Demand("log_loss", effect=0.01, error=0.004 * np.sqrt(1000 / rows), reach=one.reach)
    assert enough.power() == pytest.approx(0.8, abs=1e-3)


def test_demands_share_what_may_go_wrong() -> None:
    size, check = SampleSize(detect={"log_loss": 0.02}), NotWorseThanChampion()
    both = size.demands(check, {"roc_auc": 0.004, "log_loss": 0.004})
    assert [one.effect for one in both] == [0.01, 0.02]
    assert size.share(both) == pytest.approx(0.9)
    alone = NotWorseThanChampion(margins={"roc_auc": 0.01}, superiority=())
    assert size.share(size.demands(alone, {"roc_auc": 0.004})) == pytest.approx(0.8)


def test_more_claims_need_more_customers() -> None:
    pair = duel().draw(1500, 0)

    def rows(**options: object) -> int:
        check = NotWorseThanChampion.model_validate({"margins": {}, **options})
        size = SampleSize(detect={"log_loss": 0.01, "brier": 0.5})
        demands = size.demands(check, {name: pair.difference(name).error for name in check.metrics})
        return needed(demands[:1], 1500, 0.8)

    one = rows(superiority=("log_loss",))
    assert rows(superiority=("log_loss", "brier"), enough="all") == one
    assert rows(superiority=("log_loss", "brier")) > one


def test_a_margin_of_nothing_has_no_sample_size(good: Scorer, data: EvaluationData) -> None:
    asked = policy(champion={"margins": {"roc_auc": 0.0}, "superiority": []})
    result = ask(SampleSize(), good, data, None, asked)
    assert (result.status, "rows needed" in result.numbers) == ("pass", False)
