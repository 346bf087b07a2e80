"""`reasons.onnx`: from a feature matrix to each field's share in the log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration, ReasonsRef
from churn_core.bundle.session import SHARES, Graph, SharesGraph
from churn_core.errors import ExportError
from churn_core.features import Encoder, RawTable
from churn_core.protocols import Member
from churn_core.train.blend import LIMIT, blended_log_odds, log_odds, probabilities
from churn_core.train.calibrate import calibrated_odds
from churn_core.train.export import additive_form
from churn_core.train.export.forest import Forest, add_forest
from churn_core.train.export.graph import GraphBuilder
from churn_core.train.export.sklearn_models import Linear
from churn_core.train.parity import TOLERANCE
from churn_core.train.reasons.division import Division, divide
from churn_core.train.reasons.games import Game, games_of, table_size
from churn_core.train.reasons.players import Players, find_players
from churn_core.train.reasons.stand_in import stand_in

__all__ = ["export_reasons"]

# A model whose tables would have more leaves is explained by a stand-in: they would take megabytes.
_MOST_LEAVES = 60_000


@dataclass(frozen=True)
class _Score:
    """The log-odds of churn as a sum, up to the limit that each member has.

    Attributes:
        weights: float64 `[columns]`.
    """

    base: float
    weights: NDArray[np.float64]
    games: tuple[Game, ...]
    stand_ins: tuple[str, ...]


def export_reasons(
    members: Sequence[Member],
    calibration: Calibration,
    encoder: Encoder,
    raw: RawTable,
    graph: bytes,
) -> tuple[bytes, ReasonsRef]:
    """The shares of an ensemble's score as a graph, and what the manifest says of it.

    Args:
        raw: The training customers.
        graph: The ensemble's graph.

    Raises:
        ExportError: Shares and score do not fit each other.
    """
    matrix = encoder.encode(raw)
    players = find_players(encoder, raw)
    straight = _straightened(calibration, blended_log_odds(members, matrix))
    score = _score(members, straight, players, matrix)
    divisions = [
        divide(group, players.fields + index, encoder, raw, score.games, score.weights)
        for index, group in enumerate(players.groups)
    ]
    reasons = _write(score, players, divisions, matrix)
    odds = score.base + SharesGraph(reasons, matrix.shape[1], players.fields)(matrix).sum(axis=1)
    served = Graph(graph, matrix.shape[1])(matrix).astype(np.float64)
    if not score.stand_ins:
        _check(_bent(odds, calibration, straight), served, members, matrix)
    return reasons, ReasonsRef(base=score.base, stand_ins=score.stand_ins, gap=_gap(odds, served))


def _score(
    members: Sequence[Member], calibration: Calibration, players: Players, matrix: NDArray[np.float32]
) -> _Score:
    columns = matrix.shape[1]
    base, weights = calibration.intercept, np.zeros(columns)
    games: list[Game] = []
    stand_ins: list[str] = []
    for member in members:
        factor = member.weight * calibration.slope
        form = additive_form(member, columns)
        if form is None or (isinstance(form, Forest) and sum(map(table_size, form.trees)) > _MOST_LEAVES):
            form = stand_in(member, players, matrix)
            stand_ins.append(member.name)
        if isinstance(form, Linear):
            base, weights = base + factor * form.bias, weights + factor * form.weights
        else:
            base += factor * form.base
            games += [game for tree in form.trees for game in games_of(tree, factor, players, matrix)]
    base += float(weights @ matrix.mean(axis=0, dtype=np.float64)) + sum(game.base for game in games)
    return _Score(base, weights, tuple(game for game in games if game.players), tuple(stand_ins))


def _write(
    score: _Score, players: Players, divisions: Sequence[Division], matrix: NDArray[np.float32]
) -> bytes:
    """Shares of all players and the states of all groups first, then the groups' divisions."""
    graph = GraphBuilder(matrix.shape[1])
    outputs = len(players) + len(divisions)
    weights = np.zeros((graph.columns, outputs))
    weights[np.arange(graph.columns), players.owner] = score.weights
    offset = -(matrix.mean(axis=0, dtype=np.float64) @ weights)
    trees = [game.tree() for game in score.games]
    first = 0
    for index, division in enumerate(divisions, start=len(players)):
        weights[:, index], offset[index] = division.weights, division.offset + first
        first += len(division.settled)
        trees += [replace(tree, targets=(index,)) for tree in division.trees]
    shares = graph.node(
        "Gemm", [graph.wide_input(), graph.constant(weights, np.float64), graph.constant(offset, np.float64)]
    )
    if trees:
        summed = add_forest(graph, trees, [0.0] * outputs)
        shares = graph.node("Add", [shares, graph.widen(summed)])
    if divisions:
        shares = _divided(graph, shares, players.fields, divisions)
    return graph.finish(shares, SHARES, (players.fields,), np.float64)


def _divided(graph: GraphBuilder, shares: str, fields: int, divisions: Sequence[Division]) -> str:
    """Add what groups give to fields: `settled + share * rate`, looked up by state."""
    groups = len(divisions)
    own, given, states = graph.split(shares, (fields, groups, groups))
    numbers = graph.whole(states)
    settled, rate = (
        graph.widen(graph.node("Gather", [graph.constant(np.concatenate(tables)), numbers], axis=0))
        for tables in ([d.settled for d in divisions], [d.rate for d in divisions])
    )
    column = graph.node("Unsqueeze", [given, graph.constant([2])])
    passed = graph.node("Add", [settled, graph.node("Mul", [column, rate])])
    return graph.node("Add", [own, graph.node("ReduceSum", [passed, graph.constant([1])], keepdims=0)])


def _straightened(calibration: Calibration, odds: NDArray[np.float64]) -> Calibration:
    """The straight line nearest to a curve, on the training customers: shares add up along it."""
    if not calibration.bend:
        return calibration
    design = np.column_stack([odds, np.ones_like(odds)])
    slope, intercept = np.linalg.lstsq(design, calibrated_odds(calibration, odds), rcond=None)[0].tolist()
    return Calibration(method="platt", slope=slope, intercept=intercept)


def _bent(odds: NDArray[np.float64], curve: Calibration, straight: Calibration) -> NDArray[np.float64]:
    """What the curve makes of a score of which the straight line has made `odds`."""
    if not curve.bend or not straight.slope:
        return odds
    return calibrated_odds(curve, (odds - straight.intercept) / straight.slope)


def _check(
    odds: NDArray[np.float64],
    served: NDArray[np.float64],
    members: Sequence[Member],
    matrix: NDArray[np.float32],
) -> None:
    limited = np.any([np.abs(log_odds(m.estimator, matrix)) >= LIMIT for m in members], axis=0)
    worst = np.abs(probabilities(odds) - served)[~limited].max(initial=0.0)
    if worst > TOLERANCE:
        raise ExportError(f"shares and score differ by {worst:.1g} in probability")


def _gap(odds: NDArray[np.float64], served: NDArray[np.float64]) -> float:
    """What shares lack of the log-odds, root mean square over training customers."""
    served = np.clip(served, 1e-7, 1 - 1e-7)
    lacking = np.log(served) - np.log1p(-served) - odds
    return float(np.sqrt(np.mean(lacking**2)))
