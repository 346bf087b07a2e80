"""How a group of derived columns divides its share among the fields it is computed from.

The group's own effect, with all other columns at training customers' values, is a function of a
few fields: a game of its own, and these fields' Shapley values in it are what they get. What is
left of the group's share, because it acts together with other columns, goes to the fields in
proportion to the size of these values. For a linear model nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from churn_core.features import Encoder, RawTable
from churn_core.train.export.forest import Tree
from churn_core.train.reasons.games import Game, outcomes, spelled_out
from churn_core.train.reasons.players import Group, candidates, with_values
from churn_core.train.reasons.shapley import shapley, worth

__all__ = ["Division", "divide"]

# More states would make the table larger than the model; then fields get equal shares.
_MOST_STATES = 8192
_CUSTOMERS = 200


@dataclass(frozen=True)
class Division:
    """What each field gets, by the state of the group's fields.

    The state's number is `columns @ weights + offset` plus what `trees` say.

    Attributes:
        settled: float64 `[states, fields]`: what a field gets whatever the group's share is.
        rate: float64 `[states, fields]`: what it gets of that share; adds up to 1.
        weights: float64 `[columns]`.
    """

    settled: NDArray[np.float64]
    rate: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: float
    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class _Classes:
    """The values of a field, as far as the group tells them apart.

    Attributes:
        values: A raw value of each class.
        of_value: The class of each value of a flag or category, in the vocabulary's order.
        edges: Where the classes of a number meet.
    """

    values: NDArray[np.float64]
    of_value: NDArray[np.intp]
    edges: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def of(self, column: NDArray[np.float64]) -> NDArray[np.intp]:
        """The class of each raw value."""
        if len(self.of_value):
            return self.of_value[column.astype(np.intp)]
        return np.searchsorted(self.edges, column, side="left")


def divide(
    group: Group,
    player: int,
    encoder: Encoder,
    raw: RawTable,
    games: Sequence[Game],
    weights: NDArray[np.float64],
) -> Division:
    """Divide the share of a group.

    Args:
        player: The group's number among the players.
        raw: The training customers.
        weights: Of the columns in the linear part of the score, `[columns]`.
    """
    classes = _all_classes(group, encoder, raw)
    if classes is None:
        return _equal(group, encoder)
    sizes = [len(own) for own in classes]
    grid = np.repeat(raw.values[:1], prod(sizes), axis=0)
    for field, own, place in zip(group.fields, classes, np.indices(sizes), strict=True):
        grid[:, field] = own.values[place.ravel()]
    effect = _effect(group, player, games, weights, encoder.encode(RawTable(raw.spec, grid)))
    seen = [own.of(raw.values[:, field]) for field, own in zip(group.fields, classes, strict=True)]
    counts = np.bincount(np.ravel_multi_index(seen, sizes), minlength=len(grid))
    shares = shapley(effect.reshape(sizes), counts.reshape(sizes) / len(raw)).reshape(len(sizes), -1).T
    return _with_states(group, classes, encoder, shares)


def _effect(
    group: Group,
    player: int,
    games: Sequence[Game],
    weights: NDArray[np.float64],
    matrix: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The group's own effect in log-odds, up to a constant, for each row of a matrix."""
    columns = list(group.columns)
    effect = matrix[:, columns].astype(np.float64) @ weights[columns]
    for game in games:
        if player in game.players:
            axis = game.players.index(player)
            alone = worth(game.values, game.weights, (axis,)).ravel()
            effect += alone[outcomes(game.asked[axis], matrix)]
    return effect


def _with_states(
    group: Group, classes: Sequence[_Classes], encoder: Encoder, shares: NDArray[np.float64]
) -> Division:
    """Put shares, `[states, fields of the group]`, into place, and say how a state is numbered."""
    sizes, fields = np.abs(shares), list(group.fields)
    total = sizes.sum(axis=1, keepdims=True)
    rates = np.where(total > 1e-12, sizes / np.maximum(total, 1e-12), 1.0 / len(fields))
    settled, rate = (np.zeros((len(shares), len(encoder.spec.fields))) for _ in range(2))
    settled[:, fields] = shares - rates * shares.sum(axis=1, keepdims=True)
    rate[:, fields] = rates
    weights, offset, trees = np.zeros(len(encoder.names)), 0.0, list[Tree]()
    stride = len(shares)
    for index, own in zip(group.fields, classes, strict=True):
        stride //= len(own)
        field = encoder.spec.fields[index]
        if field.role == "category":
            weights[[encoder.names.index(f"{field.name}={v}") for v in field.values]] = own.of_value * stride
        elif field.role == "flag":
            no, yes = (own.of_value * stride).tolist()
            weights[encoder.names.index(field.name)], offset = yes - no, offset + no
        else:
            asked = (encoder.names.index(field.name), tuple(own.edges.tolist()))
            trees.append(spelled_out([asked], stride * np.arange(len(own), dtype=np.float64)[:, None]))
    return Division(settled, rate, weights, offset, tuple(trees))


def _equal(group: Group, encoder: Encoder) -> Division:
    rate = np.zeros((1, len(encoder.spec.fields)))
    rate[0, list(group.fields)] = 1.0 / len(group.fields)
    return Division(np.zeros_like(rate), rate, np.zeros(len(encoder.names)), 0.0, ())


def _all_classes(group: Group, encoder: Encoder, raw: RawTable) -> list[_Classes] | None:
    """Classes of each field, as many of numbers as there is room for; none if there is too little."""
    numbers = [field for field in group.fields if raw.spec.fields[field].role == "numeric"]
    found = {f: _named_classes(group, f, encoder, raw) for f in group.fields if f not in numbers}
    room = _MOST_STATES // prod(len(own) for own in found.values())
    most = int(room ** (1 / len(numbers)) + 1e-9) if numbers else 2
    if room < 1 or most < 2:
        return None
    for index in numbers:
        values = candidates(raw.spec.fields[index], raw.values[:, index], most)
        edges = ((values[1:] + values[:-1]) / 2).astype(np.float32).astype(np.float64)
        found[index] = _Classes(values, np.empty(0, dtype=np.intp), edges)
    return [found[field] for field in group.fields]


def _named_classes(group: Group, index: int, encoder: Encoder, raw: RawTable) -> _Classes:
    """Values of a flag or category, those together that change nothing in the group's columns."""
    rows = raw.values[:: -(-len(raw) // _CUSTOMERS)]
    values = candidates(raw.spec.fields[index], raw.values[:, index], 0)
    matrix = encoder.encode(RawTable(raw.spec, with_values(rows, index, values.tolist())))
    signs = matrix[:, list(group.columns)].reshape(len(values), -1)
    _, first, of_value = np.unique(signs, axis=0, return_index=True, return_inverse=True)
    return _Classes(values[first], of_value.ravel(), np.empty(0))
