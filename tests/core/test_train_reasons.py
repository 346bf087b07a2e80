"""Shares beside Shapley values by brute force, for every kind of model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from churn_core.bundle.manifest import ReasonsRef
from churn_core.bundle.session import Graph, SharesGraph
from churn_core.errors import ExportError
from churn_core.features import Encoder, RawTable, derived_features, read_columns
from churn_core.protocols import Member
from churn_core.schemas import IbmTelcoCustomer
from churn_core.train.calibrate import NONE
from churn_core.train.export import export_graph
from churn_core.train.export.forest import Tree
from churn_core.train.reasons import build, division, export_reasons
from churn_core.train.reasons.games import games_of, table_size
from churn_core.train.reasons.players import Players, find_players
from churn_core.train.reasons.shapley import expected, shapley
from churn_core.train.synth import draw
from tests.support.reasons import PLATT, brute_force, customers, encoder_of, member, score
from tests.support.training import INSTALLED

ADDITIVE = [name for name in INSTALLED if name not in ("rf", "et", "nb", "mlp")]
OTHERS = [name for name in INSTALLED if name not in ADDITIVE]

BACKGROUND = customers(300)
ASKED = customers(8, seed=5)


def explained(members: Sequence[Member], encoder: Encoder) -> tuple[SharesGraph, ReasonsRef]:
    graph = export_graph(members, PLATT, len(encoder.names))
    reasons, about = export_reasons(members, PLATT, encoder, BACKGROUND, graph)
    return SharesGraph(reasons, len(encoder.names), 5), about


def by_hand(members: Sequence[Member], encoder: Encoder, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = score(members, encoder)
    return np.array([brute_force(odds, row, BACKGROUND.values) for row in rows])


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("name", ADDITIVE)
def test_shares_are_shapley_values(name: str) -> None:
    members, encoder = [member(name)], encoder_of()
    graph, about = explained(members, encoder)
    shares = graph(encoder.encode(ASKED))
    assert np.abs(shares - by_hand(members, encoder, ASKED.values)).max() < 1e-6
    assert about.base == pytest.approx(score(members, encoder)(BACKGROUND.values).mean(), abs=1e-6)
    assert about.stand_ins == ()
    assert about.gap < 2e-6


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lightgbm", {"num_leaves": 6, "max_depth": -1}),
        ("gbc", {"max_depth": 3}),
        ("dt", {"max_depth": 8, "min_samples_leaf": 5}),
    ],
)
def test_larger_trees_are_cut_into_branches_and_stay_exact(name: str, settings: dict[str, int]) -> None:
    derived = ("tenure-bands",)
    members, encoder = [member(name, derived, **settings)], encoder_of(*derived)
    graph, about = explained(members, encoder)
    shares = graph(encoder.encode(ASKED))
    assert about.stand_ins == ()
    assert np.abs(shares - by_hand(members, encoder, ASKED.values)).max() < 1e-6


def test_a_blend_is_the_sum_of_its_members() -> None:
    derived = ("tenure-bands",)
    members = [member(name, derived, 1 / len(ADDITIVE)) for name in ADDITIVE]
    encoder = encoder_of(*derived)
    graph, about = explained(members, encoder)
    shares = graph(encoder.encode(ASKED))
    assert np.abs(shares - by_hand(members, encoder, ASKED.values)).max() < 1e-6
    served = Graph(export_graph(members, PLATT, len(encoder.names)), len(encoder.names))
    p = served(encoder.encode(ASKED)).astype(float)
    assert np.abs(1 / (1 + np.exp(-(about.base + shares.sum(axis=1)))) - p).max() < 2e-7


@pytest.mark.parametrize("name", ["lr", "lda"])
def test_linear_models_share_out_features_of_several_fields_exactly(name: str) -> None:
    derived = ("loose-contract", "tenure-bands")
    members, encoder = [member(name, derived)], encoder_of(*derived)
    assert find_players(encoder, BACKGROUND).groups
    shares = explained(members, encoder)[0](encoder.encode(ASKED))
    assert np.abs(shares - by_hand(members, encoder, ASKED.values)).max() < 1e-6


@pytest.mark.parametrize("name", ["gbc", "lightgbm"])
def test_trees_share_out_features_of_several_fields_nearly(name: str) -> None:
    derived = ("loose-contract",)
    members, encoder = [member(name, derived)], encoder_of(*derived)
    shares = explained(members, encoder)[0](encoder.encode(ASKED))
    expected_shares = by_hand(members, encoder, ASKED.values)
    assert 1e-6 < rms(shares - expected_shares) < 0.05 * rms(expected_shares)
    assert np.abs(shares.sum(axis=1) - expected_shares.sum(axis=1)).max() < 1e-6


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_sum_has_a_stand_in(name: str) -> None:
    members, encoder = [member(name, weight=0.5), member("lr", weight=0.5)], encoder_of()
    graph, about = explained(members, encoder)
    assert about.stand_ins == (name,)
    assert 1e-4 < about.gap < 0.5
    expected_shares = by_hand(members, encoder, ASKED.values)
    assert rms(graph(encoder.encode(ASKED)) - expected_shares) < 0.2 * rms(expected_shares)


def test_trees_that_ask_too_much_have_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_MOST_LEAVES", 100)
    _, about = explained([member("gbc")], encoder_of())
    assert about.stand_ins == ("gbc",)


def test_one_customer_gives_the_same_bits_as_many() -> None:
    derived = ("loose-contract", "tenure-bands")
    members = [member(name, derived, 1 / len(INSTALLED)) for name in INSTALLED]
    encoder = encoder_of(*derived)
    graph, _ = explained(members, encoder)
    matrix = encoder.encode(customers(1100, seed=9))
    many = graph(matrix)
    picked = [0, 1, 2, 500, 1022, 1023, 1024, 1025, 1099]
    assert np.array_equal(many[picked], np.concatenate([graph(matrix[[row]]) for row in picked]))
    assert np.array_equal(many[:200], np.concatenate([graph(row[None]) for row in matrix[:200]]))
    assert graph(matrix[:0]).shape == (0, 5)


def test_equal_models_give_equal_bytes_of_standard_operators() -> None:
    derived = ("loose-contract",)
    members, encoder = [member("lr", derived, 0.5), member("mlp", derived, 0.5)], encoder_of(*derived)
    graph = export_graph(members, PLATT, len(encoder.names))
    first, second = (export_reasons(members, PLATT, encoder, BACKGROUND, graph) for _ in range(2))
    assert first == second
    model = onnx.load_from_string(first[0])
    assert {(o.domain, o.version) for o in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}
    onnx.checker.check_model(model, full_check=True)


def test_shares_of_another_score_are_refused() -> None:
    members, encoder = [member("lr")], encoder_of()
    other = export_graph(members, NONE, len(encoder.names))
    with pytest.raises(ExportError, match="shares and score differ by 0"):
        export_reasons(members, PLATT, encoder, BACKGROUND, other)


def random_tree(rng: np.random.Generator, depth: int) -> Tree:
    """A full tree that asks the same questions again and again, also on one way."""
    inner, count = 2**depth - 1, 2 ** (depth + 1) - 1
    feature, threshold = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.float32)
    feature[:inner] = rng.integers(0, 4, inner)
    threshold[:inner] = rng.choice([0.25, 0.5, 0.75], inner)
    left, right = np.full(count, -1), np.full(count, -1)
    left[:inner], right[:inner] = 2 * np.arange(inner) + 1, 2 * np.arange(inner) + 2
    return Tree(feature, threshold, left, right, rng.normal(size=(count, 1)))


def said(tree: Tree, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a tree says of each row, node by node: `[rows, outputs]`."""
    values = np.empty((len(matrix), tree.value.shape[1]))
    for index, row in enumerate(matrix):
        node = 0
        while tree.left[node] >= 0:
            goes_left = row[tree.feature[node]] <= tree.threshold[node]
            node = int((tree.left if goes_left else tree.right)[node])
        values[index] = tree.value[node]
    return values


@given(seed=st.integers(0, 10_000), depth=st.integers(0, 4))
def test_a_tree_is_the_sum_of_its_games_however_it_asks(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, depth)
    matrix = rng.choice([0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0], (30, 4)).astype(np.float32)
    players = Players(3, (), np.array([0, 1, 1, 2]))  # the middle two columns are one player's
    games = games_of(tree, 2.0, players, matrix)
    shares = np.zeros((len(matrix), 3))
    for game in games:
        if game.players:
            shares[:, list(game.players)] += said(game.tree(), matrix)
    assert sum(game.values.size for game in games) == table_size(tree)

    def odds(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same game with players in place of columns: a row names whose columns it has."""
        whose = rows.astype(int)[:, players.owner]
        return 2.0 * said(tree, matrix[whose, np.arange(4)])[:, 0]

    # A player's value is the number of the row that his columns come from.
    background = np.repeat(np.arange(len(matrix), dtype=float)[:, None], 3, axis=1)
    for index in range(3):
        expected_shares = brute_force(odds, background[index], background)
        assert np.abs(shares[index] - expected_shares).max() < 1e-9
    assert sum(game.base for game in games) == pytest.approx(2.0 * said(tree, matrix).mean())


SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=3)


@given(shape=SHAPES, seed=st.integers(0, 10_000))
def test_shapley_values_keep_their_axioms(shape: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=shape), rng.random(shape)
    weights /= weights.sum()
    shares = shapley(values, weights)
    assert np.allclose(shares.sum(axis=0), values - expected(values, weights))
    idle = shapley(np.broadcast_to(values[:1], shape), weights)
    assert np.allclose(idle[0], 0)
    other = rng.normal(size=shape)
    assert np.allclose(shapley(values + other, weights), shares + shapley(other, weights))


def test_players_are_found_in_the_matrix() -> None:
    encoder = encoder_of("tenure-bands", "loose-contract")
    players = find_players(encoder, BACKGROUND)
    owners = dict(zip(encoder.names, players.owner.tolist(), strict=True))
    assert owners["contract=One year"] == owners["contract=Two year"] == 1
    assert owners["tenure-bands:first_year"] == owners["tenure_months"] == 0
    assert owners["loose-contract:month_to_month_by_tenure"] == players.fields == 5
    assert [group.fields for group in players.groups] == [(0, 1)]
    assert len(players) == 6


def test_derived_columns_of_fewer_fields_join_those_of_more() -> None:
    encoder = Encoder(IbmTelcoCustomer.spec, derived_features(["service-load", "loose-contract"]))
    players = find_players(
        encoder, read_columns(IbmTelcoCustomer.spec, draw(IbmTelcoCustomer.spec, 500, 0)).raw
    )
    names = IbmTelcoCustomer.spec.names
    services, loose = players.groups
    assert [encoder.names[c] for c in services.columns] == [
        "service-load:count",
        "service-load:count_month_to_month",
        "service-load:count_fiber",
        "service-load:month_to_month_fiber",
        "service-load:internet_alone",
    ]
    assert {names[f] for f in loose.fields} == {"tenure_months", "contract"}
    assert {"contract", "phone_service", "streaming_tv", "internet_service"} < {
        names[f] for f in services.fields
    }


def test_without_room_for_a_table_fields_get_equal_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_MOST_STATES", 1)
    derived = ("loose-contract",)
    members, encoder = [member("lr", derived)], encoder_of(*derived)
    shares = explained(members, encoder)[0](encoder.encode(ASKED))
    exact = by_hand(members, encoder, ASKED.values)
    assert np.abs(shares.sum(axis=1) - exact.sum(axis=1)).max() < 1e-6
    assert np.abs(shares[:, 2:] - exact[:, 2:]).max() < 1e-6  # fields with no part in the feature
    assert np.abs(shares[:, :2] - exact[:, :2]).max() > 1e-3


def test_numbers_with_many_values_are_divided_by_what_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_MOST_STATES", 40)  # 20 classes of tenure for 2 of contract
    derived = ("loose-contract",)
    members, encoder = [member("lr", derived)], encoder_of(*derived)
    shares = explained(members, encoder)[0](encoder.encode(ASKED))
    exact = by_hand(members, encoder, ASKED.values)
    assert 1e-6 < rms(shares - exact) < 0.05 * rms(exact)
    assert np.abs(shares.sum(axis=1) - exact.sum(axis=1)).max() < 1e-6


def test_values_beyond_those_of_training_still_add_up() -> None:
    derived = ("loose-contract",)
    members, encoder = [member("lr", derived)], encoder_of(*derived)
    graph, about = explained(members, encoder)
    far = RawTable(encoder.spec, np.array([[60.0, 0.0, 90.0, 9.0, 1.0], [0.0, 2.0, 0.0, 0.0, 0.0]]))
    total = about.base + graph(encoder.encode(far)).sum(axis=1)
    assert np.abs(total - score(members, encoder)(far.values)).max() < 1e-6
