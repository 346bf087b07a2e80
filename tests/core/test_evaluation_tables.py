"""Curves, groups and importance: equal to what is computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as sk

from churn_core.bundle import decision_policy
from churn_core.features import RawReader, RawTable, read_columns
from churn_core.gate.groups import risk_groups, slice_groups, wilson
from churn_core.gate.metrics import Sample, confusion, decision_metrics, gain
from churn_core.params import CostParams
from churn_core.schemas import IbmTelcoCustomer, SliceSpec, TelcoVisionCustomer
from churn_core.train.evaluation import curves
from churn_core.train.evaluation.importance import importance
from churn_core.train.evaluation.tables import deciles, replicates_for, risk_levels, slices
from churn_core.train.synth import draw

SPEC = TelcoVisionCustomer.spec
POLICY = decision_policy(CostParams())


def outcomes(rows: int = 1000, digits: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.round(1 / (1 + np.exp(-rng.normal(-1.0, 1.3, rows))), digits)
    return (rng.random(rows) < p).astype(int), p


def drawn(rows: int) -> RawTable:
    return read_columns(SPEC, draw(SPEC, rows)).raw


def column(rows: curves.Rows, name: str) -> list[float]:
    return [row[name] for row in rows]


def test_roc_is_scikit_learns_without_points_on_straight_lines() -> None:
    labels, p = outcomes()
    x, y, _ = sk.roc_curve(labels, p, drop_intermediate=False)
    found = curves.roc(Sample(labels, p))
    points = [(row["false_positive_rate"], row["true_positive_rate"]) for row in found]
    every = [(round(a, 6), round(b, 6)) for a, b in zip(x, y, strict=True)]
    assert set(points) <= set(every)
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert len(points) < len(every)
    assert sk.auc(*np.transpose(points)) == pytest.approx(sk.roc_auc_score(labels, p), abs=1e-5)


def test_pr_is_scikit_learns() -> None:
    labels, p = outcomes()
    precision, recall, _ = sk.precision_recall_curve(labels, p)
    found = curves.pr(Sample(labels, p))
    assert column(found, "precision") == pytest.approx(precision[-2::-1], abs=1e-6)  # without the point added
    assert column(found, "recall") == pytest.approx(recall[-2::-1], abs=1e-6)


def test_many_customers_do_not_make_long_files() -> None:
    labels, p = outcomes(50_000, digits=9)
    sample = Sample(labels, p)
    roc = curves.roc(sample)
    assert len(roc) <= 400
    area = sk.auc(column(roc, "false_positive_rate"), column(roc, "true_positive_rate"))
    assert area == pytest.approx(sk.roc_auc_score(labels, p), abs=1e-4)
    assert len(curves.pr(sample)) <= 400
    cells = confusion(sample, sample.counts(), 0.5)
    rows = curves.confusion_rows(cells)
    assert abs(len(rows) - 5000) <= 2
    both = sum(row == {"actual": "churned", "predicted": "churned"} for row in rows)
    assert both / len(rows) == pytest.approx(cells.true_positives[0] / 50_000, abs=1e-3)


def test_confusion_rows_count_customers() -> None:
    labels, p = outcomes(200)
    rows = curves.confusion_rows(confusion(Sample(labels, p), np.ones((1, 200)), 0.5))
    for actual, churned in (("churned", 1), ("stayed", 0)):
        for predicted, flagged in (("churned", True), ("stayed", False)):
            found = sum(row == {"actual": actual, "predicted": predicted} for row in rows)
            assert found == np.sum((labels == churned) & ((p >= 0.5) == flagged))


def test_gains_lift_and_profit_of_each_percent() -> None:
    labels, p = outcomes(500, digits=1)
    rows = curves.gains(Sample(labels, p), POLICY)
    assert rows[0] == {"percent": 0, "gain": 0.0, "lift": None, "profit": 0.0}
    for percent in (1, 10, 33, 100):
        assert rows[percent]["gain"] == pytest.approx(gain(percent)(labels, p), abs=1e-6)
        assert rows[percent]["lift"] == pytest.approx(gain(percent)(labels, p) * 100 / percent, abs=1e-5)
    everybody = decision_metrics(POLICY.model_copy(update={"threshold": 0.0}))["profit"]
    assert rows[100]["profit"] == pytest.approx(everybody(labels, p), abs=1e-6)


@given(seed=st.integers(0, 50), digits=st.sampled_from([0, 1, 2, 6]), rows=st.integers(3, 300))
def test_calibration_groups_partition_and_never_part_equals(seed: int, digits: int, rows: int) -> None:
    labels, p = outcomes(rows, digits, seed)
    found = curves.calibration(Sample(labels, p))
    customers = column(found, "customers")
    assert sum(customers) == rows
    assert len(found) <= 10
    assert np.average(column(found, "observed"), weights=customers) == pytest.approx(labels.mean(), abs=1e-5)
    assert np.average(column(found, "predicted"), weights=customers) == pytest.approx(p.mean(), abs=1e-5)
    predicted = column(found, "predicted")
    assert predicted == sorted(set(predicted))
    assert all(row["low"] <= row["observed"] <= row["high"] for row in found)
    if digits == 6 and rows >= 100:
        assert max(customers) - min(customers) <= rows // 20


def test_scores_count_everybody_once() -> None:
    labels, p = outcomes(400)
    p[:2] = 0.0, 1.0
    rows = curves.scores(Sample(labels, p))
    assert sum(column(rows, "churned")) == labels.sum()
    assert sum(column(rows, "stayed")) == 400 - labels.sum()
    assert rows[0]["probability"] == 0.025


@pytest.mark.parametrize(("value", "expected"), [(0.12345678, 0.123457), (math.nan, None), (None, None)])
def test_rounded(value: float | None, expected: float | None) -> None:
    assert curves.rounded(value) == expected


def test_rounding_leaves_no_negative_zero() -> None:
    assert math.copysign(1, curves.rounded(-1e-9) or 0.0) == 1


@given(trials=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_is_scipys(trials: int, share: float) -> None:
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_trials_have_no_interval() -> None:
    assert all(map(math.isnan, wilson(0, 0)))


def test_deciles_hold_everybody_and_add_up() -> None:
    labels, p = outcomes(1003)
    rows = deciles(labels, p, POLICY, 100)
    assert sum(column(rows, "customers")) == 1003
    found = sum(row["churn_rate"] * row["customers"] for row in rows)
    assert found == pytest.approx(labels.sum(), abs=0.01)
    assert rows[-1]["gain"] == rows[-1]["lift"] == rows[-1]["gain_low"] == 1
    lowest = column(rows, "lowest_probability")
    assert lowest == sorted(lowest, reverse=True)
    assert all(row["gain_low"] <= row["gain"] <= row["gain_high"] for row in rows)
    first = rows[0]
    assert first["profit_per_contact"] == pytest.approx(POLICY.expected_profit(first["churn_rate"]), abs=1e-4)


@pytest.mark.parametrize(("rows", "expected"), [(20, 1000), (20_000, 1000), (50_000, 400), (10_000_000, 200)])
def test_many_customers_need_fewer_replicates(rows: int, expected: int) -> None:
    assert replicates_for(rows) == expected


def test_risk_levels_are_those_that_answers_carry() -> None:
    labels, p = outcomes()
    rows = risk_levels(labels, p, POLICY)
    assert column(rows, "risk") == ["HIGH", "MEDIUM", "LOW"]
    for row, group in zip(rows, risk_groups(p, POLICY), strict=True):
        assert {POLICY.risk(value) for value in p[group.members]} == {row["risk"]}
        assert row["customers"] == group.members.sum()
        assert row["churn_rate"] == pytest.approx(labels[group.members].mean(), abs=1e-6)


def test_slices_are_groups_of_the_schema() -> None:
    raw = drawn(600)
    groups = {(group.field, group.name): group.members for group in slice_groups(raw)}
    age = raw.number("age")
    assert (groups["age", "above 30 to 60 years"] == ((age > 30) & (age <= 60))).all()
    assert (groups["age", "up to 30 years"] == (age <= 30)).all()
    assert (groups["contract_type", "One year"] == (raw.equals("contract_type", "One year") > 0)).all()


def test_flags_and_uncut_numbers_are_groups_too() -> None:
    spec = IbmTelcoCustomer.spec
    customer = IbmTelcoCustomer.parse(spec.example())
    raw = RawReader(spec).read([customer])
    wanted = (SliceSpec(field="senior_citizen"), SliceSpec(field="monthly_charges"))
    other = RawTable(spec.model_copy(update={"slices": wanted}), raw.values)
    assert [(g.field, g.name) for g in slice_groups(other)] == [
        ("senior_citizen", "no"),
        ("monthly_charges", "all"),
    ]


def test_slice_rows_say_how_far_predictions_are_off() -> None:
    raw = drawn(600)
    male = raw.equals("gender", "Male")
    labels = (np.arange(600) % 10 < 3).astype(int)
    p = np.clip(0.3 + 0.2 * male + np.random.default_rng(1).normal(0, 0.02, 600), 0, 1)
    rows = {row["group"]: row for row in slices(raw, labels, p, POLICY, None, 200)}
    assert rows["Male"]["gap_high"] < 0  # predicted too high
    assert rows["Female"]["gap_low"] < 0 < rows["Female"]["gap_high"]
    members = male > 0
    assert rows["Male"]["gap"] == pytest.approx(labels[members].mean() - p[members].mean(), abs=1e-6)
    assert rows["Male"]["roc_auc"] == pytest.approx(sk.roc_auc_score(labels[members], p[members]), abs=1e-6)


def by_tenure(raw: RawTable) -> np.ndarray:
    return (
        1 / (1 + np.exp(0.05 * raw.number("tenure_months") - 1 - 0.2 * raw.equals("gender", "Male")))
    ).astype("f4")


def test_importance_finds_what_the_model_uses() -> None:
    raw = drawn(2000)
    labels = (np.random.default_rng(0).random(2000) < by_tenure(raw)).astype(np.int64)
    rows = importance(raw, labels, by_tenure, repeats=3)
    assert rows[0]["name"] == "tenure_months"
    assert rows[0]["low"] > 0
    unused = [row for row in rows if row["name"] not in ("tenure_months", "gender")]
    assert {(row["log_loss_increase"], row["low"], row["high"]) for row in unused} == {(0.0, 0.0, 0.0)}
    assert rows == importance(raw, labels, by_tenure, repeats=3)
    assert rows != importance(raw, labels, by_tenure, repeats=3, seed=1)
    assert {row["name"] for row in rows} == set(SPEC.names)


def test_importance_uses_a_part_of_many_customers() -> None:
    raw = drawn(12_000)
    seen: list[int] = []

    def watched(some: RawTable) -> np.ndarray:
        seen.append(len(some))
        return by_tenure(some)

    importance(raw, np.arange(12_000) % 2, watched, repeats=1)
    assert set(seen) == {10_000}
