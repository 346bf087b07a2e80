"""Whom to contact with limited means: against every possible choice."""

from __future__ import annotations

import math
import time
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.bundle import decision_policy
from churn_core.bundle.targeting import best_contacts, choose_targets
from churn_core.errors import DataError
from churn_core.features import FieldReference
from churn_core.params import CostParams

POLICY = decision_policy(CostParams())
# Coarse, so that equal profits and equal rates are frequent.
profits = st.lists(st.integers(-8, 12).map(lambda n: n / 2), max_size=9)
costs = st.lists(st.integers(0, 8).map(lambda n: n / 2), min_size=9, max_size=9)


def subsets(rows: int) -> Any:
    return chain.from_iterable(combinations(range(rows), size) for size in range(rows + 1))


def total(numbers: list[float], rows: Any) -> float:
    return sum(numbers[int(row)] for row in rows)


@given(profit=profits, capacity=st.integers(0, 10))
def test_a_capacity_is_used_for_the_best_choice_of_all(profit: list[float], capacity: int) -> None:
    found = choose_targets(profit, capacity=capacity)
    best = max(total(profit, rows) for rows in subsets(len(profit)) if len(rows) <= capacity)
    assert found.profit == found.bound == best == total(profit, found.rows)
    assert len(found) == len(set(found.rows.tolist())) <= capacity
    assert all(profit[row] > 0 for row in found.rows)


@given(profit=profits, cost=costs, budget=st.integers(0, 40).map(lambda n: n / 2))
def test_a_budget_comes_near_to_the_best_choice_of_all(
    profit: list[float], cost: list[float], budget: float
) -> None:
    found = choose_targets(profit, cost[: len(profit)], budget=budget)
    best = max(total(profit, rows) for rows in subsets(len(profit)) if total(cost, rows) <= budget)
    assert total(cost, found.rows) == found.cost <= budget
    assert total(profit, found.rows) == found.profit <= best <= found.bound + 1e-9
    assert found.profit >= best / 2
    affordable = [p for p, c in zip(profit, cost, strict=False) if p > 0 and c <= budget]
    assert found.profit >= found.bound - max(affordable, default=0.0) - 1e-9
    assert len(found) == len(set(found.rows.tolist()))


@given(profit=profits, cost=st.sampled_from([0.5, 1.0, 3.0]), budget=st.integers(0, 20))
def test_a_budget_for_equal_costs_is_used_for_the_best_choice(
    profit: list[float], cost: float, budget: int
) -> None:
    found = choose_targets(profit, cost, budget=budget)
    best = max(total(profit, rows) for rows in subsets(len(profit)) if len(rows) * cost <= budget)
    assert found.profit == found.bound == best


def test_one_large_customer_can_be_worth_more_than_the_best_rate() -> None:
    found = choose_targets([2.0, 90.0], [1.0, 100.0], budget=100)
    assert (found.rows.tolist(), found.profit, found.cost) == ([1], 90.0, 100.0)
    assert found.bound == pytest.approx(2 + 99 * 0.9)


def test_money_left_over_is_spent_on_who_still_fits() -> None:
    found = choose_targets([10.0, 9.0, 1.0, 0.5], [4.0, 4.0, 3.0, 1.0], budget=5)
    assert (found.rows.tolist(), found.cost) == ([0, 3], 5.0)


def test_equal_customers_are_taken_in_the_order_of_their_rows() -> None:
    assert choose_targets([1.0, 2.0, 2.0, 2.0, 1.0], capacity=3).rows.tolist() == [1, 2, 3]
    assert choose_targets([2.0] * 5, 1.0, budget=2).rows.tolist() == [0, 1]
    # of equal rates the larger profit, of equal profits the earlier row
    assert choose_targets([2.0, 4.0, 4.0], [1.0, 2.0, 2.0], budget=4).rows.tolist() == [1, 2]


def test_nobody_is_contacted_at_a_loss() -> None:
    assert choose_targets([-1.0, 0.0, 3.0]).rows.tolist() == [2]
    assert choose_targets([-1.0, 0.0], capacity=5).rows.tolist() == []
    empty = choose_targets([], budget=10)
    assert (len(empty), empty.profit, empty.cost, empty.bound) == (0, 0, 0, 0)
    broke = choose_targets([1.0], 5.0, budget=0)
    assert (len(broke), broke.profit, broke.cost, broke.bound) == (0, 0, 0, 0)


def test_a_budget_that_is_just_enough_is_enough() -> None:
    assert len(choose_targets(np.ones(30), 0.1, budget=3.0)) == 30
    assert len(choose_targets(np.ones(30), np.append(np.full(29, 0.1), 0.1000001), budget=3.0)) == 29


def test_contacts_under_a_policy() -> None:
    p = np.array([0.05, 0.9, 0.3, 0.3, 0.16])
    everybody = best_contacts(POLICY, p)
    assert sorted(everybody.rows.tolist()) == [1, 2, 3]
    assert everybody.profit == pytest.approx(sum(POLICY.expected_profit(x) for x in (0.9, 0.3, 0.3)))
    assert best_contacts(POLICY, p, capacity=2).rows.tolist() == [1, 2]
    # a call costs 1; of those who leave 30 % take the offer of 10, of those who stay all do
    assert best_contacts(POLICY, p, capacity=1).cost == pytest.approx(1 + 10 * (0.1 + 0.9 * 0.3))
    spent = best_contacts(POLICY, p, budget=12.0)
    assert (spent.rows.tolist(), spent.cost <= 12) == ([1], True)
    assert best_contacts(decision_policy(CostParams(threshold=0.9)), p).rows.tolist() == [1, 2, 3]


def test_contacts_by_own_values() -> None:
    typical = (FieldReference(field="charges", typical=20.0, quantiles=(1.0, 2.0)),)
    policy = decision_policy(CostParams(value_field="charges"), typical)
    p, values = np.array([0.9, 0.2, 0.9]), np.array([30.0, 2000.0, 300.0])
    assert best_contacts(policy, p, values, capacity=2).rows.tolist() == [1, 2]
    with pytest.raises(DataError, match="give their values"):
        best_contacts(policy, p)


@pytest.mark.parametrize(
    ("arguments", "limits", "message"),
    [
        (([1.0, math.nan],), {}, "must be finite numbers"),
        (([1.0], [-1.0]), {}, "no cost negative"),
        (([1.0], [math.inf]), {}, "must be finite numbers"),
        (([1.0], [1.0, 2.0]), {}, r"profits \(1,\) and costs \(2,\)"),
        (([[1.0]],), {}, "lists of one length"),
        (([1.0],), {"capacity": -1}, "must be 0 or more"),
        (([1.0],), {"budget": -0.5}, "must be 0 or more"),
        (([1.0],), {"budget": math.nan}, "must be 0 or more"),
        (([1.0],), {"capacity": 1, "budget": 1.0}, "not both"),
    ],
)
def test_impossible_questions_are_refused(
    arguments: tuple[Any, ...], limits: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        choose_targets(*arguments, **limits)


def test_millions_of_customers_take_seconds() -> None:
    p = np.random.default_rng(0).beta(1, 3, 2_000_000)
    begin = time.process_time()
    calls, spent = best_contacts(POLICY, p, capacity=100_000), best_contacts(POLICY, p, budget=500_000.0)
    assert time.process_time() - begin < 10
    assert len(calls) == 100_000
    assert 0 <= 500_000 - spent.cost < 11
    assert spent.bound - spent.profit < POLICY.gain
