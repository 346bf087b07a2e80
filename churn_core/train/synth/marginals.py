"""How the values of one field are spread.

Only uniform numbers are used, so that a seed gives the same customers with any version of
numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_core.schemas import FieldSpec

__all__ = ["Choice", "Coin", "Marginal", "Peaked", "Tailed", "choose", "marginal", "whole"]

# A column: int8 or int16 codes of a category, bool, int64 or float64.
Column = NDArray[Any]


def choose(rng: np.random.Generator, rows: int, shares: Sequence[float]) -> Column:
    """Codes 0 to `len(shares) - 1`, in these shares, which add up to 1."""
    uniform = rng.random(rows)
    codes = np.zeros(rows, dtype=np.int8 if len(shares) < 128 else np.int16)
    for edge in np.cumsum(shares)[:-1]:
        codes += uniform >= edge
    return codes


def whole(rng: np.random.Generator, rows: int, low: int, high: int) -> Column:
    """Whole numbers, each from `low` to `high` equally likely."""
    return (low + np.floor(rng.random(rows) * (high - low + 1))).astype(np.int64)


class Marginal(Protocol):
    """The spread of one field."""

    def draw(self, rng: np.random.Generator, rows: int) -> Column: ...

    def score(self, column: Column) -> Column:
        """Each value as a number with mean 0 and variance near 1."""
        ...


@dataclass(frozen=True)
class Choice:
    """A category: shares of its values, and a score for each."""

    shares: tuple[float, ...]
    scores: tuple[float, ...]

    def draw(self, rng: np.random.Generator, rows: int) -> Column:
        return choose(rng, rows, self.shares)

    def score(self, column: Column) -> Column:
        return np.array(self.scores)[column]


@dataclass(frozen=True)
class Coin:
    """A flag that is true with probability `share`."""

    share: float

    def draw(self, rng: np.random.Generator, rows: int) -> Column:
        return rng.random(rows) < self.share

    def score(self, column: Column) -> Column:
        return (column - self.share) / math.sqrt(self.share * (1 - self.share))


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`."""

    low: float
    high: float
    centre: float
    integer: bool

    def draw(self, rng: np.random.Generator, rows: int) -> Column:
        values = self._inverse(rng.random(rows))
        if self.integer:
            return np.clip(np.rint(values), math.ceil(self.low), math.floor(self.high)).astype(np.int64)
        digits = 2 if self.high - self.low > 10 else 4
        return np.clip(np.round(values, digits), self.low, self.high)

    def score(self, column: Column) -> Column:
        return math.sqrt(3) * (2 * self._cumulative(column.astype(np.float64)) - 1)

    def _inverse(self, uniform: Column) -> Column:
        raise NotImplementedError

    def _cumulative(self, values: Column) -> Column:
        raise NotImplementedError


class Peaked(Number):
    """Half of the values on each side of `centre`, ever rarer towards both ends."""

    def _inverse(self, uniform: Column) -> Column:
        side = 2 * uniform - 1
        reach = np.where(side < 0, self.centre - self.low, self.high - self.centre)
        return self.centre + reach * np.sign(side) * (1 - np.sqrt(1 - np.abs(side)))

    def _cumulative(self, values: Column) -> Column:
        away = values - self.centre
        reach = np.where(away < 0, self.centre - self.low, self.high - self.centre)
        return 0.5 + 0.5 * np.sign(away) * (1 - (1 - np.abs(away) / reach) ** 2)


class Tailed(Number):
    """Exponential from `low`, with median `centre`: for ranges far wider than what is typical."""

    def _inverse(self, uniform: Column) -> Column:
        return self.low - (self.centre - self.low) * np.log2(1 - uniform)

    def _cumulative(self, values: Column) -> Column:
        return 1 - np.exp2((self.low - values) / (self.centre - self.low))


def marginal(field: FieldSpec, rng: np.random.Generator) -> Marginal:
    """A plausible spread around the field's example; `rng` decides what the schema leaves open."""
    if field.role == "category":
        weights = 0.5 + rng.random(len(field.values))
        weights[field.values.index(str(field.example))] += 0.5
        shares = weights / weights.sum()
        scores = rng.random(len(shares))
        scores = scores - shares @ scores
        spread = math.sqrt(shares @ scores**2) or 1.0
        return Choice(tuple(shares.tolist()), tuple((scores / spread).tolist()))
    if field.role == "flag":
        return Coin(0.25 + 0.5 * rng.random())
    return _number(field)


def _number(field: FieldSpec) -> Marginal:
    low, high = field.bounds
    example = float(field.example)
    place = (example - low) / (high - low)
    if 0.1 <= place <= 0.9:
        return Peaked(low, high, example, field.integer)
    if place > 0.9:
        return Peaked(low, high, low + 0.9 * (high - low), field.integer)
    centre = max(example, low + min(1.0, 0.1 * (high - low)))
    return Tailed(low, high, centre, field.integer)
