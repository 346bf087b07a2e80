"""Trees as games that are small enough to be written down.

What a tree of `k` questions says of a customer depends on `2^k` patterns of answers at most, and
so does each player's Shapley value: one more tree, with a value for each player at its leaves,
gives it. Where a tree asks too much, its branches are games of their own, each worth nothing to
customers who do not come that way: their sum is the tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from churn_core.train.export.forest import Tree
from churn_core.train.reasons.players import Players
from churn_core.train.reasons.shapley import Table, expected, shapley

__all__ = ["Game", "Question", "games_of", "spelled_out", "table_size"]

# A column and its thresholds, ascending: in which interval does it lie?
Question = tuple[int, tuple[float, ...]]
Questions = Mapping[int, tuple[float, ...]]


@dataclass(frozen=True)
class Game:
    """A tree, or a branch of one, as a function of the answers to its questions.

    Attributes:
        players: Who plays; one axis of the tables for each. None where nothing is asked.
        asked: What each player is asked; his outcomes are all combinations of answers, the
            last question's fastest.
        values: Log-odds.
        weights: Share of training customers.
    """

    players: tuple[int, ...]
    asked: tuple[tuple[Question, ...], ...]
    values: Table
    weights: Table

    @property
    def base(self) -> float:
        return expected(self.values, self.weights)

    def tree(self) -> Tree:
        """The players' Shapley values as a tree."""
        shares = shapley(self.values, self.weights).reshape(len(self.players), -1)
        return spelled_out([question for own in self.asked for question in own], shares.T, self.players)


def games_of(tree: Tree, factor: float, players: Players, matrix: NDArray[np.float32]) -> list[Game]:
    """The games whose sum is `factor` times a tree of one output.

    Args:
        matrix: The training customers, for the weights.
    """
    games: list[Game] = []
    for node, questions in _cut(tree, 0, {}).branches:
        owners = sorted({int(players.owner[column]) for column in questions})
        asked = tuple(
            tuple((c, questions[c]) for c in sorted(questions) if players.owner[c] == owner)
            for owner in owners
        )
        ordered = [question for own in asked for question in own]
        shape = [_size(dict(own)) for own in asked]
        values = factor * _values(tree, node, dict(ordered))
        counts = np.bincount(outcomes(ordered, matrix), minlength=len(values))
        weights = counts.reshape(shape) / len(matrix)
        games.append(Game(tuple(owners), asked, values.reshape(shape), weights))
    return games


def table_size(tree: Tree) -> int:
    """How many leaves the trees have to which `games_of` leads."""
    return _cut(tree, 0, {}).size


def outcomes(questions: Sequence[Question], matrix: NDArray[np.float32]) -> NDArray[np.intp]:
    """Each row's combination of answers, the last question's fastest."""
    place = np.zeros(len(matrix), dtype=np.intp)
    for column, thresholds in questions:
        asked = np.array(thresholds, dtype=np.float32)
        place = place * (len(asked) + 1) + np.searchsorted(asked, matrix[:, column], side="left")
    return place


def spelled_out(
    questions: Sequence[Question], table: NDArray[np.float64], targets: tuple[int, ...] = ()
) -> Tree:
    """A tree that asks one question after the other and ends in the rows of a table.

    Args:
        table: `[combinations of answers, targets]`, the last question's answers fastest.
    """
    nodes: list[tuple[int, float, int, int, int]] = []

    def ask(rest: Sequence[Question], row: int) -> int:
        if not rest:
            nodes.append((0, 0.0, -1, -1, row))
            return len(nodes) - 1
        (column, thresholds), *later = rest

        def halve(low: int, high: int) -> int:
            if low == high:
                return ask(later, row * (len(thresholds) + 1) + low)
            node, middle = len(nodes), (low + high) // 2
            nodes.append((0, 0.0, -1, -1, 0))
            nodes[node] = (column, thresholds[middle], halve(low, middle), halve(middle + 1, high), 0)
            return node

        return halve(0, len(thresholds))

    ask(questions, 0)
    feature, threshold, left, right, row = map(np.array, zip(*nodes, strict=True))
    return Tree(feature, threshold.astype(np.float32), left, right, table[row], targets)


@dataclass(frozen=True)
class _Cut:
    """How to cut a tree from some node on so that tables are smallest.

    Attributes:
        asked: All that is asked on the way to the node and below it.
        size: Of the tables together.
        branches: Where each begins, and what it asks.
    """

    asked: Questions
    size: int
    branches: tuple[tuple[int, Questions], ...]


def _cut(tree: Tree, node: int, path: Questions) -> _Cut:
    if tree.left[node] < 0:
        return _Cut(path, _size(path), ((node, path),))
    path = _joined(path, {int(tree.feature[node]): (float(tree.threshold[node]),)})
    left, right = (_cut(tree, int(side[node]), path) for side in (tree.left, tree.right))
    asked = _joined(left.asked, right.asked)
    if left.size + right.size < _size(asked):
        return _Cut(asked, left.size + right.size, left.branches + right.branches)
    return _Cut(asked, _size(asked), ((node, asked),))


def _values(tree: Tree, branch: int, questions: Questions) -> NDArray[np.float64]:
    """What a branch says to each combination of answers; 0 to those that lead elsewhere."""
    sizes = [len(thresholds) + 1 for thresholds in questions.values()]
    answers = dict(zip(questions, np.indices(sizes).reshape(len(sizes), prod(sizes)), strict=True))
    values = np.zeros(prod(sizes))
    todo = [(0, np.ones(len(values), dtype=bool), branch == 0)]
    while todo:
        node, here, inside = todo.pop()
        column, threshold = int(tree.feature[node]), float(tree.threshold[node])
        if tree.left[node] < 0:
            values[here] = tree.value[node, 0] if inside else 0.0
        elif threshold in questions.get(column, ()):  # all that is asked on the way there and below
            above = answers[column] > questions[column].index(threshold)
            for side, go in ((int(tree.left[node]), ~above), (int(tree.right[node]), above)):
                todo.append((side, here & go, inside or side == branch))
    return values


def _size(questions: Questions) -> int:
    return prod(len(thresholds) + 1 for thresholds in questions.values())


def _joined(one: Questions, other: Questions) -> Questions:
    columns = sorted({*one, *other})
    return {c: tuple(sorted({*one.get(c, ()), *other.get(c, ())})) for c in columns}
