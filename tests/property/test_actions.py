"""Whatever a valid customer is like, what is proposed to him is allowed, helps, and is the cheapest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.bundle import Scorer, with_policy, write_bundle
from churn_core.params import CostParams
from churn_core.schemas import Action, Customer, IbmTelcoCustomer, TelcoVisionCustomer
from churn_core.testing import customers
from tests.support.actions import HomeCustomer, cheapest, everything
from tests.support.bundles import logistic_bundle

# Fields that nobody can change weigh most. Fields without weight make for ties.
WEIGHTS = {
    "ibm-telco": {
        "contract=Month-to-month": 1.2,
        "contract=Two year": -1.1,
        "payment_method=Electronic check": 0.4,
        "payment_method=Mailed check": 0.4,
        "paperless_billing": 0.3,
        "online_security=Yes": -0.6,
        "tech_support=Yes": -0.6,
        "streaming_tv=Yes": 0.4,
        "gender=Female": 2.0,
        "senior_citizen": 1.5,
        "internet_service=No": -1.0,
    },
    "home-net": {
        "plan=Premium": -1.0,
        "plan=Plus": -0.4,
        "support=Yes": -0.5,
        "autopay": -0.5,
        "line": 0.2,
        "region=East": 0.6,
    },
    "telcovision": {"contract_type=Two year": -1.0, "payment_method=Electronic check": 0.8},
}
CASES: tuple[tuple[type[Customer], CostParams], ...] = (
    (IbmTelcoCustomer, CostParams(threshold=0.3)),
    (IbmTelcoCustomer, CostParams(value_field="monthly_charges", value_months=0.7)),
    (
        IbmTelcoCustomer,
        CostParams(threshold=0.5, moves={"contract": {"One year": 0.0}, "streaming_tv": {"Yes": None}}),
    ),
    (HomeCustomer, CostParams(threshold=0.3)),
    (HomeCustomer, CostParams(value_field="fee", value_months=3, offer_cost=2)),
    (HomeCustomer, CostParams(threshold=0.5, moves={"plan": {"Premium": None}})),
    (TelcoVisionCustomer, CostParams(threshold=0.5)),
    (TelcoVisionCustomer, CostParams(value_field="monthly_charges", value_months=0.7)),
)


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> list[Scorer]:
    return [_scorer(tmp_path_factory.mktemp("bundle"), cls, costs) for cls, costs in CASES]


def _scorer(folder: Path, cls: type[Customer], costs: CostParams) -> Scorer:
    plain = logistic_bundle(folder, cls.spec, WEIGHTS[cls.spec.name], 0.5)
    changed = with_policy(plain, costs)
    return Scorer(write_bundle(folder, changed.manifest, changed.graph))


def _proposal(scorer: Scorer, row: Customer) -> tuple[Action, dict[str, Any]]:
    action = scorer.action(row)
    return action, {**row.model_dump(), **{one.feature: one.becomes for one in action.changes}}


@given(data=st.data())
def test_no_cheaper_set_of_moves_helps(scorers: list[Scorer], data: st.DataObject) -> None:
    scorer = data.draw(st.sampled_from(scorers))
    row = data.draw(customers(scorer.customer_class))
    answer = scorer.predict(row, explain=False)
    action, changed = _proposal(scorer, row)
    if answer.churn_probability < answer.threshold:
        assert (action.changes, action.cost, action.reaches_threshold) == ((), 0.0, True)
        return
    best = cheapest(scorer, row.model_dump())
    if best:
        assert action.reaches_threshold
        # Sets of one cost and one probability are equally good, and rounding alone chooses between them.
        assert action.cost == pytest.approx(best.cost, abs=1e-9)
        assert action.churn_probability == pytest.approx(best.probability, abs=1e-6)
    else:
        assert not action.reaches_threshold
        profits = [_profit(scorer, row, one.probability, one.cost) for one in _all(scorer, row)]
        assert action.expected_profit == pytest.approx(max([0.0, *profits]), abs=1e-6)
    if action.changes:
        alone = scorer.predict(changed, explain=False)  # of a valid customer, or this would fail
        assert action.churn_probability == pytest.approx(alone.churn_probability, abs=1e-6)
        expected = _profit(scorer, row, action.churn_probability, action.cost)
        assert action.expected_profit == pytest.approx(expected, abs=1e-6)


def _all(scorer: Scorer, row: Customer) -> Any:
    return everything(scorer, row.model_dump())


def _profit(scorer: Scorer, row: Customer, after: float, cost: float) -> float:
    """By two kinds of customers: one who would leave accepts with 0.3, one who would stay always."""
    costs = scorer.bundle.decision.costs
    value = costs.customer_value
    if costs.value_field:
        value = getattr(row, costs.value_field) * costs.value_months
    p = scorer.predict(row, explain=False).churn_probability
    leaving = 0.3 * ((1 - after / p) * value - cost)
    return p * leaving - (1 - p) * cost - costs.contact_cost


@given(data=st.data())
def test_only_allowed_moves_are_proposed(scorers: list[Scorer], data: st.DataObject) -> None:
    scorer = data.draw(st.sampled_from(scorers))
    row = data.draw(customers(scorer.customer_class))
    action, changed = _proposal(scorer, row)
    assert scorer.customer_class.parse(changed)
    assert len(action.changes) <= 3
    names = [change.feature for change in action.changes]
    assert names == [name for name in scorer.bundle.schema_spec.names if name in names]
    for change in action.changes:
        assert getattr(row, change.feature) == change.value
        moves = scorer.bundle.schema_spec.field(change.feature).moves
        (move,) = [m for m in moves if m.to == change.becomes and m.starts_from(change.value)]
        prices = scorer.bundle.decision.costs.moves.get(change.feature, {})
        assert prices.get(str(move.to), 0.0) is not None
    if action.changes and action.reaches_threshold:
        assert action.churn_probability < scorer.predict(row, explain=False).threshold
    assert not {"gender", "senior_citizen", "region", "tenure_months", "monthly_charges"} & set(names)


@given(data=st.data())
def test_single_and_many_are_advised_alike_to_the_bit(scorers: list[Scorer], data: st.DataObject) -> None:
    scorer = data.draw(st.sampled_from(scorers))
    rows = data.draw(st.lists(customers(scorer.customer_class), min_size=1, max_size=8))
    many = scorer.predict_many(rows, action=True)
    assert [one.action for one in many] == [scorer.action(row) for row in rows]
    assert [scorer.predict(row, explain=False, action=True) for row in reversed(rows)] == many[::-1]
