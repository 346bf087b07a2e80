"""Two models and customers of a world in which it is known which model is better, and by how much.

A customer leaves with the log-odds `base + shared + first + second + hidden`, where the four are
independent and normal. The champion knows `shared` and `first`, a candidate `shared` and `second`,
and either says what is true given what it knows. So both are perfectly calibrated, both are
wrong about other customers, and one is better exactly if it knows more: log loss and ROC AUC depend
on nothing but the variance of what is known, and are computed to six digits without drawing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import decision_policy
from churn_core.gate.checks.champion import NotWorseThanChampion
from churn_core.gate.checks.sample_size import SampleSize, needed
from churn_core.gate.compare import Rivals
from churn_core.gate.sample import logit
from churn_core.params import CostParams

__all__ = ["NO_BETTER", "Draw", "Duel", "duel", "promoted", "stated_rows", "world"]

Floats = NDArray[np.float64]
Draw = Callable[[int, int], Rivals]
"""So many customers, and a seed, to what two models say of them."""

_POLICY = decision_policy(CostParams())
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Duel:
    """Champion and candidate by what they know; all are standard deviations of log-odds.

    Attributes:
        base: Log-odds of a typical customer.
        shared: What both know.
        champion: What only the champion knows.
        candidate: What only the candidate knows.
        signal: All that there is to know.
    """

    base: float = -1.4
    shared: float = 1.7
    champion: float = 0.3
    candidate: float = 0.3
    signal: float = 1.9

    def known(self, who: str) -> float:
        """Standard deviation of what `champion` or `candidate` knows."""
        return float(np.hypot(self.shared, getattr(self, who)))

    def log_loss(self, who: str) -> float:
        """The true log loss, of infinitely many customers."""
        return _log_loss(self.base, self.known(who), self.signal)

    def roc_auc(self, who: str) -> float:
        """The true ROC AUC."""
        return _roc_auc(self.base, self.known(who), self.signal)

    def draw(self, rows: int, seed: int) -> Rivals:
        """Customers with outcomes and what either model says of them."""
        random = np.random.default_rng(seed)
        shared, first, second = (
            width * random.standard_normal(rows) for width in (self.shared, self.champion, self.candidate)
        )
        hidden = self.signal**2 - self.shared**2 - self.champion**2 - self.candidate**2
        if hidden < 0:
            raise ValueError("the models know more than there is to know")
        chance = _sigmoid(
            self.base + shared + first + second + np.sqrt(hidden) * random.standard_normal(rows)
        )
        labels = (random.random(rows) < chance).astype(np.int64)
        old = _expected(self.base + shared + first, self.known("champion"), self.signal)
        new = _expected(self.base + shared + second, self.known("candidate"), self.signal)
        return Rivals(labels, new, old, _POLICY)


def duel(
    metric: str = "log_loss", better_by: float = 0.0, apart: float = 0.3, start: Duel | None = None
) -> Duel:
    """A duel in which the candidate's true metric is better than the champion's by `better_by`.

    Args:
        metric: `log_loss` or `roc_auc`.
        better_by: Positive for a better candidate, negative for a worse one.
        apart: What only the worse one knows: the larger, the more the two models disagree.
    """
    if better_by < 0:
        turned = duel(metric, -better_by, apart, start)
        return replace(turned, champion=turned.candidate, candidate=turned.champion)
    world = replace(start or Duel(), champion=apart, candidate=apart)
    sign = 1.0 if metric == "roc_auc" else -1.0

    def lead(candidate: float) -> float:
        one = replace(world, candidate=candidate)
        return sign * (getattr(one, metric)("candidate") - getattr(one, metric)("champion"))

    most = float(np.sqrt(world.signal**2 - world.shared**2 - world.champion**2))
    return replace(world, candidate=_solve(lead, better_by, 0.0, most))


def world(data: str = "ibm-telco") -> Duel:
    """A world whose churn rate and best ROC AUC are about those of a data set."""
    return {
        "ibm-telco": Duel(),
        "telcovision": Duel(base=-0.65, shared=0.85, champion=0.25, candidate=0.25, signal=1.05),
    }[data]


def promoted(check: NotWorseThanChampion, draw: Draw, rows: int, seeds: Iterable[int]) -> float:
    """Which share of simulated candidates passes."""
    passed = [check.compare(draw(rows, seed)).status == "pass" for seed in seeds]
    return sum(passed) / len(passed)


def stated_rows(
    size: SampleSize, check: NotWorseThanChampion, draw: Draw, rows: int = 2000, seed: int = 0
) -> int:
    """How many customers `sample-size` says it takes, having seen `rows` of them."""
    pair = draw(rows, seed)
    demands = size.demands(check, {name: pair.difference(name).error for name in check.metrics})
    return needed(demands, rows, size.share(demands))


def _made_of_champion(change: Callable[[Floats, Floats], Floats]) -> Draw:
    """Candidates that know nothing but what the champion says, which nobody can turn into more.

    Args:
        change: From the champion's probabilities and standard normal noise to the candidate's.
    """

    def draw(rows: int, seed: int) -> Rivals:
        pair = Duel().draw(rows, seed)
        noise = np.random.default_rng(seed + 1_000_000).standard_normal(rows)
        return replace(pair, candidate=change(pair.champion, noise))

    return draw


def _sigmoid(x: Floats | float) -> Floats:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def _expected(log_odds: Floats, known: float, signal: float) -> Floats:
    """The chance of those of whom so much is known, the rest being normal."""
    rest = np.sqrt(max(signal**2 - known**2, 0.0))
    return _sigmoid(log_odds[..., None] + rest * _NODES) @ _WEIGHTS


@lru_cache(maxsize=4096)
def _log_loss(base: float, known: float, signal: float) -> float:
    p = _expected(base + known * _NODES, known, signal)
    return float(-(p * np.log(p) + (1 - p) * np.log1p(-p)) @ _WEIGHTS)


@lru_cache(maxsize=4096)
def _roc_auc(base: float, known: float, signal: float) -> float:
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(-(grid**2) / 2)
    p = _expected(base + known * grid, known, signal)
    left, stayed = density * p, density * (1 - p)
    below = np.cumsum(stayed) - stayed / 2
    return float((left @ below) / (left.sum() * stayed.sum()))


def _solve(rising: Callable[[float], float], goal: float, low: float, high: float) -> float:
    if not rising(low) <= goal <= rising(high):
        raise ValueError(f"the candidate can be better by {rising(low):.4g} to {rising(high):.4g} only")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < goal else (low, middle)
    return (low + high) / 2


NO_BETTER: dict[str, Draw] = {
    "knows as much, of other things": duel().draw,
    "knows as much, and says nearly the same": duel(apart=0.05).draw,
    "knows as much, in a world that is hard to tell": duel(start=Duel(-0.65, 0.85, signal=1.05)).draw,
    "knows a little less": duel(better_by=-0.002).draw,
    "the champion with noise": _made_of_champion(lambda p, noise: _sigmoid(logit(p) + 0.1 * noise)),
    "the champion, bolder": _made_of_champion(lambda p, _: _sigmoid(1.1 * logit(p))),
    "the champion, more timid": _made_of_champion(lambda p, _: _sigmoid(0.9 * logit(p))),
    "bets that what is unlikely never happens": _made_of_champion(lambda p, _: np.where(p < 0.03, 1e-6, p)),
}
"""Challengers whose true log loss is the champion's or higher."""
