"""The checks that look at groups of customers: `slices` and `fairness`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from churn_core.bundle import Scorer
from churn_core.features import RawTable, read_columns
from churn_core.gate import CheckResult, EvaluationData, Evidence, contender
from churn_core.gate.checks.fairness import Fairness, share_difference
from churn_core.gate.checks.slices import Slices
from churn_core.gate.groups import all_groups, field_groups, slice_groups
from churn_core.params import GateParams
from churn_core.schemas import IbmTelcoCustomer, SchemaSpec
from tests.support.bundles import WEIGHTS, logistic_bundle
from tests.support.gate import evaluation, opened

Answers = NDArray[np.float32]
Change = Callable[[RawTable, Answers], Answers]


class Bent(Scorer):
    """A scorer whose answers to some customers are changed."""

    change: Change = staticmethod(lambda raw, answers: answers)

    def probabilities(self, raw: RawTable) -> Answers:
        return self.change(raw, super().probabilities(raw)).astype(np.float32)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return opened(logistic_bundle(tmp_path_factory.mktemp("good")).folder)


@pytest.fixture(scope="module")
def data(good: Scorer) -> EvaluationData:
    return evaluation(good)


def bent(good: Scorer, change: Change) -> Scorer:
    scorer = object.__new__(Bent)
    scorer.__dict__.update(good.__dict__)
    scorer.change = change
    return scorer


def ask(check: Any, candidate: Scorer, data: EvaluationData, champion: Scorer | None = None) -> CheckResult:
    rival = champion and contender(champion)
    return check.check(Evidence(contender(candidate), rival, data, GateParams()))


# groups


def test_all_groups_are_slices_and_values_without_repetition(good: Scorer, data: EvaluationData) -> None:
    raw = read_columns(IbmTelcoCustomer.spec, data.columns).raw
    sliced, groups = list(slice_groups(raw)), list(all_groups(raw))
    assert [str(one) for one in groups[: len(sliced)]] == [str(one) for one in sliced]
    masks = [one.members.tobytes() for one in groups]
    assert len(set(masks)) == len(masks)
    assert "payment_method Electronic check" in map(str, groups)
    assert sum("No internet service" in str(one) for one in groups) == 0  # who has none is a slice already
    assert [one.name for one in field_groups(raw, "tenure_months")] == [
        "up to 12 months",
        "above 12 to 36 months",
        "above 36 months",
    ]


# slices


def test_a_sound_model_holds_everywhere(good: Scorer, data: EvaluationData) -> None:
    result = ask(Slices(), good, data)
    assert result.status == "pass"
    assert result.numbers["groups"] > 30
    assert len(result.intervals) == 1  # the one that looks worst


def test_sound_models_are_hardly_ever_refused(good: Scorer) -> None:
    strict = Slices(gap=0, brier_excess=0, rows=50)
    refused = [ask(strict, good, evaluation(good, 600, seed)).status == "fail" for seed in range(60)]
    assert np.mean(refused) <= 0.1  # 0.05 where chance alone is left, 3 of 60 on average
    usual = [ask(Slices(), good, evaluation(good, 600, seed)).status == "fail" for seed in range(60)]
    assert np.mean(usual) <= 0.02


def inside(field: str, *values: str) -> Callable[[RawTable], NDArray[np.bool_]]:
    return lambda raw: raw.equals(field, *values) > 0


SEGMENTS = {
    "a slice": inside("contract", "Month-to-month"),
    "a field that is no slice": inside("payment_method", "Electronic check"),
    "a part of a number": lambda raw: raw.number("tenure_months") <= 12,
}


def flipped(raw: RawTable, answers: Answers, members: NDArray[np.bool_]) -> Answers:
    return np.where(members, 1 - answers, answers)


def shuffled(raw: RawTable, answers: Answers, members: NDArray[np.bool_]) -> Answers:
    changed = answers.copy()
    changed[members] = np.random.default_rng(0).permutation(answers[members])
    return changed


def constant(raw: RawTable, answers: Answers, members: NDArray[np.bool_]) -> Answers:
    return np.where(members, answers[members].mean(), answers)


def halved(raw: RawTable, answers: Answers, members: NDArray[np.bool_]) -> Answers:
    return np.where(members, answers / 2, answers)


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("how", [flipped, shuffled, constant, halved])
def test_a_model_that_is_worse_in_one_group_is_refused(
    segment: str, how: Callable[..., Answers], good: Scorer, data: EvaluationData
) -> None:
    members = SEGMENTS[segment]
    worse = bent(good, lambda raw, answers: how(raw, answers, members(raw)))
    result = ask(Slices(), worse, data, good)
    assert result.status == "fail"
    assert "serves some customers worse than is allowed" in result.sentence


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("how", [flipped, halved])
def test_wrong_probabilities_show_without_a_champion(
    segment: str, how: Callable[..., Answers], good: Scorer, data: EvaluationData
) -> None:
    members = SEGMENTS[segment]
    worse = bent(good, lambda raw, answers: how(raw, answers, members(raw)))
    assert ask(Slices(), worse, data).status == "fail"


def test_the_group_is_named(good: Scorer, data: EvaluationData) -> None:
    worse = bent(good, lambda raw, p: np.where(raw.equals("contract", "Two year") > 0, p + 0.3, p))
    result = ask(Slices(), worse, data)
    assert "contract Two year" in result.sentence
    assert "contract Two year: churn rate less mean probability" in result.intervals
    assert ask(Slices(otherwise="warn"), worse, data).status == "warn"
    assert ask(Slices(fields="slices"), worse, data).status == "fail"


def test_only_slices_if_asked(good: Scorer, data: EvaluationData) -> None:
    members = inside("payment_method", "Mailed check")
    worse = bent(good, lambda raw, p: np.where(members(raw), np.clip(p + 0.25, 0, 1), p))
    assert ask(Slices(), worse, data).status == "fail"
    assert ask(Slices(fields="slices"), worse, data).status == "pass"


def test_small_groups_are_named_and_not_judged(good: Scorer, data: EvaluationData) -> None:
    result = ask(Slices(rows=600), good, data)
    assert result.numbers["groups too small"] > 0
    assert any(detail.startswith("too small to judge: ") for detail in result.details)
    assert ask(Slices(rows=10_000), good, data).status == "skip"


def test_numbers_of_a_group_are_those_of_its_customers(good: Scorer, data: EvaluationData) -> None:
    raw = read_columns(IbmTelcoCustomer.spec, data.columns).raw
    worse = bent(good, lambda raw, p: np.where(raw.flag("partner") > 0, p * 0.5, p))
    result = ask(Slices(fields="all"), worse, data)
    members = raw.flag("partner") > 0
    p = worse.probabilities(raw)[members].astype(float)
    found = result.intervals["partner yes: churn rate less mean probability"]
    assert found.value == pytest.approx(data.labels[members].mean() - p.mean())
    z = found.value / np.sqrt(np.sum(p * (1 - p))) * len(p)
    assert (found.high - found.low) / 2 == pytest.approx(stats.norm.ppf(0.975) * found.value / z)


# fairness


def test_a_fair_model(good: Scorer, data: EvaluationData) -> None:
    result = ask(Fairness(), good, data)
    assert result.status == "pass"
    assert set(result.intervals) == {
        "equal opportunity, gender Female less Male",
        "demographic parity, gender Female less Male",
        "equal opportunity, senior_citizen yes less no",
        "demographic parity, senior_citizen yes less no",
    }


def test_shares_are_those_of_the_groups(good: Scorer, data: EvaluationData) -> None:
    raw = read_columns(IbmTelcoCustomer.spec, data.columns).raw
    chosen = good.probabilities(raw) >= good.bundle.decision.threshold
    women, left = raw.equals("gender", "Female") > 0, data.labels > 0
    result = ask(Fairness(), good, data)
    parity = chosen[women].mean() - chosen[~women].mean()
    assert result.intervals["demographic parity, gender Female less Male"].value == pytest.approx(parity)
    chance = chosen[women & left].mean() - chosen[~women & left].mean()
    assert result.intervals["equal opportunity, gender Female less Male"].value == pytest.approx(chance)


@pytest.mark.parametrize(("push", "status"), [(0.12, "warn"), (0.9, "fail")])
def test_an_unfair_model_warns_or_fails(push: float, status: str, good: Scorer, data: EvaluationData) -> None:
    def change(raw: RawTable, p: Answers) -> Answers:
        women = raw.equals("gender", "Female") > 0
        return np.where(women, np.clip(p + push, 0, 1), np.clip(p - push, 0, 1))

    result = ask(Fairness(), bent(good, change), data)
    assert result.status == status
    assert result.sentence.startswith("Protected groups are treated differently: ")
    assert "where gender Female" in result.sentence


def test_a_difference_that_chance_explains_is_none(good: Scorer) -> None:
    """With bounds of zero all that is left is chance."""
    blind = {**WEIGHTS}  # the weights know neither gender nor age
    assert not any(name.startswith(("gender", "senior")) for name in blind)
    strict = Fairness(equal_opportunity=(0.0, 0.0), demographic_parity=(0.0, 0.0))
    found = [ask(strict, good, evaluation(good, 500, seed)).status for seed in range(60)]
    # Both sides are tested against the same bound, so that the risk is up to twice the stated one.
    assert found.count("fail") / 60 <= 0.1


def test_a_schema_without_protected_fields_has_nothing_to_ask(tmp_path: Path) -> None:
    spec = IbmTelcoCustomer.spec
    fields = tuple(field.model_copy(update={"protected": False}) for field in spec.fields)
    plain: SchemaSpec = spec.model_copy(update={"fields": fields})
    scorer = opened(logistic_bundle(tmp_path, spec=plain).folder)
    data = evaluation(scorer, rows=300)
    assert ask(Fairness(), scorer, data).status == "skip"
    named = ask(Fairness(fields=("partner",)), scorer, data)
    assert "demographic parity, partner yes less no" in named.intervals


def test_small_protected_groups_are_named(good: Scorer, data: EvaluationData) -> None:
    result = ask(Fairness(rows=1400), good, data)
    assert result.status == "skip"
    some = ask(Fairness(rows=600), good, data)
    assert any("too small to compare" in detail and "equal opportunity" in detail for detail in some.details)


def test_the_error_of_a_difference_covers_it() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        first, second = random.random(40) < 0.9, random.random(90) < 0.7
        interval = share_difference(first, second).interval(0.95)
        held += interval.low <= 0.2 <= interval.high
    assert 0.93 <= held / 2000 <= 0.98


def test_wrong_bounds_are_refused() -> None:
    for options in ({"equal_opportunity": (0.3, 0.1)}, {"demographic_parity": (0.1, 1.1)}):
        with pytest.raises(ValueError, match="equal_opportunity|demographic_parity"):
            Fairness.model_validate(options)
