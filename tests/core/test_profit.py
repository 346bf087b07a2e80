"""Profit measures: published values, independent implementations, brute force; own values of customers."""

from __future__ import annotations

import math
import time
from itertools import combinations, pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from churn_core.bundle import DecisionPolicy, decision_policy
from churn_core.errors import DataError
from churn_core.features import FieldReference
from churn_core.gate.beta import incomplete_beta, mean_excess, survival
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.hull import upper_hull
from churn_core.gate.metrics import METRICS, Sample, decision_metrics, lift
from churn_core.gate.profit import lift_curve, profit_curve, profit_metrics
from churn_core.params import CostParams

TYPICAL = (FieldReference(field="charges", typical=20.0, quantiles=(1.0, 2.0)),)
OWN = decision_policy(CostParams(value_field="charges", value_months=1), TYPICAL)
NAMES = ("empc", "empc_fraction", "mpc", "mpc_fraction")


def priced(alpha: float, beta: float, value: float, offer: float, contact: float) -> DecisionPolicy:
    return decision_policy(
        CostParams(
            acceptance_alpha=alpha,
            acceptance_beta=beta,
            customer_value=value,
            offer_cost=offer,
            contact_cost=contact,
        )
    )


def measured(
    labels: Any, probabilities: Any, policy: DecisionPolicy, values: Any = None
) -> tuple[float, ...]:
    return tuple(metric(labels, probabilities, values=values) for metric in profit_metrics(policy).values())


def reproducible(rows: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Customers without a random generator, so that other programs can be asked about the same ones."""
    i = np.arange(1, rows + 1)
    p = np.round((i * 0.6180339887498949) % 1.0, digits)
    return ((i * 0.7548776662466927) % 1.0 < 0.7 * p**1.5).astype(int), p


# From the documentation of empulse 0.5.2.
EMPULSE = ([0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
# On `reproducible(rows, digits)`: EMPC and MPC of empulse 0.5.2, each with its share of customers.
# EMP-PY 2.0.4, the authors' R package EMP in Python, gives the same to 14 digits.
COMPUTED = [
    (200, 3, (6, 14, 200, 10, 1), (10.949843836247839, 0.6122937721961356, 10.83, 0.66)),
    (200, 3, (2, 3, 500, 40, 5), (32.646597500905976, 0.5250082267231294, 31.25, 0.55)),
    (200, 3, (1, 1, 100, 5, 0.5), (10.9020747088309, 0.65331254607106, 10.59, 0.795)),
    (200, 3, (30, 5, 80, 20, 3), (5.724075206817253, 0.41762319530186987, 5.709285714285714, 0.435)),
    (1000, 2, (6, 14, 200, 10, 1), (10.786706208939753, 0.6033780494599666, 10.679, 0.625)),
    (1000, 2, (2, 3, 500, 40, 5), (32.11231550703151, 0.519593924581673, 30.803, 0.545)),
    (1000, 2, (1, 1, 100, 5, 0.5), (10.725890184922145, 0.6494370619421858, 10.4125, 0.665)),
    (1000, 2, (30, 5, 80, 20, 3), (5.481910290150051, 0.3921974475805669, 5.469428571428571, 0.374)),
]


def test_published_values() -> None:
    found = measured(*EMPULSE, decision_policy(CostParams()))
    assert found == pytest.approx((23.875593418348124, 0.8743700763487141, 23.875, 0.875), rel=1e-14)
    assert (METRICS["empc"](*EMPULSE), METRICS["mpc"](*EMPULSE)) == (found[0], found[2])


@pytest.mark.parametrize(("rows", "digits", "prices", "expected"), COMPUTED)
def test_equal_to_other_programs(
    rows: int, digits: int, prices: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    assert measured(*reproducible(rows, digits), priced(*prices)) == pytest.approx(expected, rel=1e-13)


prices = st.builds(
    priced,
    alpha=st.floats(0.3, 40),
    beta=st.floats(0.3, 40),
    value=st.floats(60, 500),
    offer=st.sampled_from([0.0, 5.0, 40.0]),
    contact=st.sampled_from([0.0, 1.0, 15.0]),
)


@st.composite
def scored(draw: st.DrawFn, most: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(1, most))
    labels = draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows))
    places = draw(st.lists(st.integers(0, draw(st.sampled_from([3, 20]))), min_size=rows, max_size=rows))
    return np.array(labels), np.array(places) / 20


def profits(labels: np.ndarray, p: np.ndarray, policy: DecisionPolicy, gamma: float) -> list[float]:
    """Profit per customer of contacting nobody, and all from each probability upwards."""
    costs = policy.costs
    churner = gamma * (costs.customer_value - costs.offer_cost) - costs.contact_cost
    each = np.where(labels == 1, churner, -(costs.offer_cost + costs.contact_cost))
    return [0.0, *(each[p >= cut].sum() / len(p) for cut in np.unique(p)[::-1])]


@given(drawn=scored(), policy=prices)
def test_mpc_is_the_best_of_all_cut_offs(
    drawn: tuple[np.ndarray, np.ndarray], policy: DecisionPolicy
) -> None:
    labels, p = drawn
    costs = policy.costs
    mean = costs.acceptance_alpha / (costs.acceptance_alpha + costs.acceptance_beta)
    every = profits(labels, p, policy, mean)
    found = dict(zip(NAMES, measured(labels, p, policy), strict=True))
    assert found["mpc"] == pytest.approx(max(every), abs=1e-9)
    shares = [0.0, *(np.mean(p >= cut) for cut in np.unique(p)[::-1])]
    best = next(s for s, value in zip(shares, every, strict=True) if value >= max(every) - 1e-9)
    assert found["mpc_fraction"] == pytest.approx(best)
    curve = profit_curve(Sample(labels, p), policy)
    assert curve.value == pytest.approx(every, abs=1e-9)
    assert curve.share == pytest.approx(shares)
    assert curve.best == pytest.approx((best, max(every)), abs=1e-9)


@given(drawn=scored(), policy=prices)
def test_empc_is_the_mean_of_the_best_over_acceptance(
    drawn: tuple[np.ndarray, np.ndarray], policy: DecisionPolicy
) -> None:
    """No hull: every point where two cut-offs are equally good, and between them whichever is best."""
    labels, p = drawn
    costs, rows = policy.costs, len(drawn[0])
    a, b = costs.acceptance_alpha, costs.acceptance_beta
    at_0, at_1 = (np.array(profits(labels, p, policy, gamma)) for gamma in (0.0, 1.0))
    slope = at_1 - at_0
    meet = [
        -(at_0[i] - at_0[j]) / (slope[i] - slope[j])
        for i, j in combinations(range(len(slope)), 2)
        if slope[i] != slope[j]
    ]
    edges = np.unique([0.0, 1.0, *(gamma for gamma in meet if 0 < gamma < 1)])
    shares = np.array([0.0, *(np.mean(p >= cut) for cut in np.unique(p)[::-1])])
    expected, contacted = 0.0, 0.0
    for low, high in pairwise(edges):
        i = int(np.argmax(np.round(at_0 + slope * (low + high) / 2, 12)))
        chance = special.betainc(a, b, high) - special.betainc(a, b, low)
        mean = a / (a + b) * (special.betainc(a + 1, b, high) - special.betainc(a + 1, b, low))
        expected += at_0[i] * chance + slope[i] * mean
        contacted += shares[i] * chance
    found = dict(zip(NAMES, measured(labels, p, policy), strict=True))
    assert found["empc"] == pytest.approx(expected, rel=1e-9, abs=1e-9 * rows)
    assert found["empc_fraction"] == pytest.approx(contacted, abs=1e-6)


def test_a_single_case_by_adaptive_quadrature() -> None:
    labels, p = reproducible(60, 2)
    policy = priced(6, 14, 200, 10, 1)

    def integrand(gamma: float) -> float:
        return max(profits(labels, p, policy, gamma)) * float(stats.beta.pdf(gamma, 6, 14))

    expected, error = integrate.quad(integrand, 0, 1, limit=500, epsabs=1e-9)
    assert error < 1e-6
    assert measured(labels, p, policy)[0] == pytest.approx(expected, abs=1e-6)


def above(a: float, b: float, x: float) -> float:
    """The upper tail by scipy, from whichever end loses fewer digits."""
    return special.betainc(b, a, 1 - x) if x > 0.5 else 1 - special.betainc(a, b, x)


@given(
    a=st.floats(0.05, 2000),
    b=st.floats(0.05, 2000),
    x=st.floats(0, 1) | st.sampled_from([0.0, 1e-300, 1e-12, 0.5, 1 - 1e-12, 1.0]),
)
def test_the_beta_distribution_is_scipys(a: float, b: float, x: float) -> None:
    assert float(incomplete_beta(x, a, b)) == pytest.approx(special.betainc(a, b, x), rel=2e-9, abs=1e-13)
    assert float(survival(x, a, b)) == pytest.approx(above(a, b, x), rel=2e-9, abs=1e-12)
    mean = a / (a + b)
    excess = mean * above(a + 1, b, x) - x * above(a, b, x)
    assert float(mean_excess(x, a, b)) == pytest.approx(excess, rel=2e-9, abs=1e-12)


def test_the_ends_of_the_beta_distribution() -> None:
    assert incomplete_beta([0.0, 1.0], 6, 14).tolist() == [0, 1]
    assert survival([0.0, 1.0], 6, 14).tolist() == [1, 0]
    assert mean_excess([0.0, 1.0], 6, 14) == pytest.approx([0.3, 0])


@given(
    x=st.lists(st.integers(0, 12), min_size=1, max_size=40).map(sorted),
    y=st.lists(st.integers(-5, 30), min_size=40, max_size=40),
)
def test_hull_corners_are_the_best_under_every_price(x: list[int], y: list[int]) -> None:
    xs, ys = np.array([0, *x], float), np.array([0, *y[: len(x)]], float)
    corners = upper_hull(xs, ys)
    assert corners[0] == 0
    slopes = np.diff(ys[corners]) / np.maximum(np.diff(xs[corners]), 1e-9)
    assert (np.diff(slopes) < 0).all()
    for price in np.append(np.linspace(0, 30, 61) + 1e-3, 1e6):
        # of all points no corner is beaten, once those before the first are left out
        assert (price * ys - xs).max() == pytest.approx((price * ys - xs)[corners].max())


def test_the_hull_of_a_path_that_bends_outward_and_inward() -> None:
    """Both ways in which points fall away: many at once, and one by one from the end."""
    x = np.arange(3001.0)
    assert upper_hull(x, x**2).tolist() == [0, 3000]
    bow = np.sqrt(x)
    assert len(upper_hull(x, bow)) == 3001
    bow[-1] = 1e6
    assert upper_hull(x, bow).tolist() == [0, 3000]
    begin = time.process_time()
    upper_hull(np.arange(1e5), np.cumsum(np.random.default_rng(0).random(100_000)))
    assert time.process_time() - begin < 1


@given(drawn=scored(8), percent=st.sampled_from([12.5, 25, 50, 100]))
def test_lift_curve_meets_lift(drawn: tuple[np.ndarray, np.ndarray], percent: float) -> None:
    labels, p = drawn
    curve = lift_curve(Sample(labels, p))
    assert curve.share[-1] == 1
    for share, value in zip(curve.share, curve.value, strict=True):
        chosen = p >= np.sort(p)[::-1][round(share * len(p)) - 1]
        if labels.any():
            assert value == pytest.approx(labels[chosen].mean() / labels.mean())
        else:
            assert math.isnan(value)
    if labels.any():
        assert curve.value[-1] == pytest.approx(lift(100)(labels, p)) == 1


@given(drawn=scored(6))
def test_between_cut_offs_the_curve_is_the_mean_over_orders(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p = drawn
    policy = decision_policy(CostParams())
    curve = profit_curve(Sample(labels, p), policy)
    each = policy.outcome(labels)
    orders = [order for order in permutations(range(len(p))) if all(p[a] >= p[b] for a, b in pairwise(order))]
    for contacted in range(len(p) + 1):
        mean = np.mean([each[list(order[:contacted])].sum() for order in orders]) / len(p)
        assert np.interp(contacted / len(p), curve.share, curve.value) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("label", [0, 1])
def test_one_outcome(label: int) -> None:
    labels, p = np.full(10, label), np.linspace(0.1, 0.9, 10)
    empc, share, mpc, _ = measured(labels, p, decision_policy(CostParams()))
    assert (empc, share, mpc) == pytest.approx((56.0, 1.0, 56.0) if label else (0.0, 0.0, 0.0), abs=2e-3)


def test_measures_agree_when_acceptance_is_certain() -> None:
    labels, p = reproducible(500, 2)
    empc, _, mpc, _ = measured(labels, p, priced(3e5, 7e5, 200, 10, 1))
    assert empc == pytest.approx(mpc, abs=2e-3)


def test_a_perfect_model_is_worth_more_than_chance() -> None:
    labels, p = reproducible(500, 3)
    assert METRICS["empc"](labels, labels) > METRICS["empc"](labels, p) > METRICS["empc"](labels, p * 0) > 0


values = st.lists(st.sampled_from([0.0, 4.0, 60.0, 200.0, 900.0]), min_size=25, max_size=25)


@given(drawn=scored(), worth=values)
def test_own_values_by_brute_force(drawn: tuple[np.ndarray, np.ndarray], worth: list[float]) -> None:
    labels, p = drawn
    v = np.array(worth[: len(p)])
    expected = p * (0.3 * (v - 10) - 1) - (1 - p) * 11
    realised = np.where(labels == 1, 0.3 * (v - 10) - 1, -11)
    found = {name: metric(labels, p, values=v) for name, metric in decision_metrics(OWN).items()}
    pays = p >= np.where(0.3 * (v - 10) + 10 > 11, 11 / np.maximum(0.3 * (v - 10) + 10, 11), 1.0)
    assert found["profit"] == pytest.approx(np.mean(realised * pays), abs=1e-9)
    ranked = np.round(expected, 9)
    cuts = [0.0, *(realised[ranked >= cut].sum() / len(p) for cut in np.unique(ranked)[::-1])]
    assert found["mpc"] == pytest.approx(max(cuts), abs=1e-9)
    grid = stats.beta.ppf((np.arange(4000) + 0.5) / 4000, 6, 14)
    stake = [0.0, *(np.sum((labels * (v - 10))[ranked >= cut]) for cut in np.unique(ranked)[::-1])]
    spent = [0.0, *(np.sum((1 + 10 * (labels == 0))[ranked >= cut]) for cut in np.unique(ranked)[::-1])]
    best = ((np.outer(grid, stake) - spent) / len(p)).max(axis=1).mean()
    assert found["empc"] == pytest.approx(best, rel=2e-3, abs=2e-3)


@given(drawn=scored(15), data=st.data())
def test_counts_are_repeated_customers_with_their_values(
    drawn: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    labels, p = drawn
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(p), max_size=len(p))))
    v = np.array(data.draw(values))[: len(p)]
    for metric in decision_metrics(OWN).values():
        once = metric(labels, p, counts, v)
        if counts.sum():
            again = metric(np.repeat(labels, counts), np.repeat(p, counts), values=np.repeat(v, counts))
            assert once == pytest.approx(again, rel=1e-9, abs=1e-9, nan_ok=True)
        else:
            assert math.isnan(once)


def test_equal_own_values_give_the_measures_of_one_value() -> None:
    labels, p = reproducible(300, 2)
    same = measured(labels, p, OWN, np.full(300, 200.0))
    assert same == pytest.approx(measured(labels, p, decision_policy(CostParams())), rel=1e-12)


def test_own_values_have_intervals() -> None:
    labels, p = reproducible(300, 2)
    v = 50 + 300 * ((np.arange(300) * 0.37) % 1)
    found = bootstrap(labels, p, decision_metrics(OWN), 200, values=v)
    for name, metric in decision_metrics(OWN).items():
        assert found[name].low < found[name].value < found[name].high
        assert found[name].value == metric(labels, p, values=v)


def test_values_must_be_there_and_be_numbers() -> None:
    labels, p = [0, 1], [0.2, 0.8]
    with pytest.raises(DataError, match="customers are valued by 'charges': give their values"):
        decision_metrics(OWN)["profit"](labels, p)
    with pytest.raises(DataError, match="customers are valued by 'charges': give their values"):
        decision_metrics(OWN)["empc"](labels, p)
    for wrong in ([1.0], [1.0, math.nan], [[1.0, 2.0]]):
        with pytest.raises(DataError, match="must be 2 finite numbers"):
            Sample(labels, p, wrong)
