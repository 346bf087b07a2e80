"""What could keep a customer: the cheapest change after which the model expects him to stay.

All sets of at most three of the schema's moves are scored at once, so the answer is exact: no
cheaper set leads below the customer's threshold. Of equally cheap ones the one with the lowest
probability is taken, then the one with fewer changes, then the first in the order of the schema.

Whatever is no move stays as it is, bills included: a service that is added is given, and what that
costs is the cost of the move. What proposing a change is worth: see `churn_core.bundle.policy`.

A model knows who stayed, not why. Customers who chose a long contract may have chosen it because
they meant to stay.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.action_words import ActionWords
from churn_core.bundle.moves import MoveSets
from churn_core.bundle.policy import DecisionPolicy
from churn_core.bundle.sentences import LANGUAGES, in_language
from churn_core.features import RawTable, field_value
from churn_core.schemas import Action, Change, LanguageName, SchemaSpec

__all__ = ["Adviser"]


class Adviser:
    """Finds what could keep a customer, and says it."""

    def __init__(
        self, spec: SchemaSpec, policy: DecisionPolicy, predict: Callable[[RawTable], NDArray[np.float32]]
    ) -> None:
        """Prepare all sets of moves.

        Args:
            predict: Probabilities of churn, `[rows]`.
        """
        self._spec = spec
        self._policy = policy
        self._predict = predict
        self._sets = MoveSets(spec, policy.costs)
        currency = policy.costs.currency
        self._words = {language: ActionWords(spec, language, currency) for language in LANGUAGES}

    def __call__(
        self,
        values: NDArray[np.float64],
        probability: float,
        value: float | None = None,
        language: LanguageName = "en",
    ) -> Action:
        """The action for one customer.

        Args:
            values: His raw values, `[fields]`.
            probability: Of churn, as he is.
            value: What he is worth, where customers are valued one by one.

        Raises:
            SchemaError: There are no sentences in this language.
        """
        words = in_language(self._words, language)
        threshold = float(self._policy.threshold_of(value))
        if not self._sets.named:
            return _nothing(words.no_moves, probability, threshold, words.note)
        if probability < threshold:
            return _nothing(words.below(probability, threshold), probability, threshold, words.note)
        raw, costs = self._sets(values)
        after = self._predict(raw).astype(np.float64)
        profits = self._policy.profit_of_change(probability, after, costs, value)
        reached = bool((after < threshold).any())
        best = _first(after >= threshold, costs, after) if reached else _first(-profits, costs, after)
        if best is None or not (reached or profits[best] > 0):
            return _nothing(words.stuck(threshold), probability, threshold, words.note)
        changes = self._changes(values, raw.values[best])
        found, profit = float(after[best]), float(profits[best])
        return Action(
            changes=changes,
            reaches_threshold=reached,
            churn_probability=found,
            cost=float(costs[best]),
            expected_profit=profit,
            text=words.change(changes, found, threshold, profit, reached=reached),
            note=words.note,
        )

    def _changes(self, old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[Change, ...]:
        return tuple(
            Change(feature=field.name, value=field_value(field, was), becomes=field_value(field, becomes))
            for field, was, becomes in zip(self._spec.fields, old.tolist(), new.tolist(), strict=True)
            if was != becomes
        )


def _first(*keys: NDArray[np.generic]) -> int | None:
    """The row that is smallest by the first key, then by the next ones; the earliest of equal ones."""
    order = np.lexsort(keys[::-1])
    return int(order[0]) if len(order) else None


def _nothing(text: str, probability: float, threshold: float, note: str) -> Action:
    return Action(
        changes=(),
        reaches_threshold=probability < threshold,
        churn_probability=probability,
        cost=0.0,
        expected_profit=0.0,
        text=text,
        note=note,
    )
