"""Why a customer has his score: each field's share in his log-odds.

Shares are Shapley values over the fields as the customer knows them. With `base`, the log-odds of
an average customer, they add up to the customer's log-odds.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.sentences import LANGUAGES, Sentences, in_language
from churn_core.bundle.session import SharesGraph
from churn_core.features import RawTable, field_value
from churn_core.schemas import LanguageName, Reason, SchemaSpec

__all__ = ["Explainer", "Shares", "TabulatedShares", "closed"]

# Shares below this change no probability in its second decimal; they are noise to a reader.
_SMALLEST = 0.01

# Below every probability that a model gives but 0, and above every float32 but 1.
_NEVER, _EVER = 1e-12, 1 - 2.0**-25

_TINY = 1e-300


class Shares(Protocol):
    """Where shares come from.

    Attributes:
        base: Log-odds that nobody's fields account for.
    """

    base: float

    def __call__(self, raw: RawTable, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shares in log-odds, `[rows, fields]`, of customers and their feature matrix."""
        ...


class TabulatedShares:
    """Shares looked up in the tables of `reasons.onnx`."""

    def __init__(self, graph: SharesGraph, base: float) -> None:
        self.base = base
        self._graph = graph

    def __call__(self, raw: RawTable, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._graph(matrix)


class Explainer:
    """Shares of any number of customers, and the strongest of them in words."""

    def __init__(self, spec: SchemaSpec, shares: Shares, currency: str) -> None:
        self.base = shares.base
        self._spec = spec
        self._shares = shares
        self._sentences = {language: Sentences(spec, language, currency) for language in LANGUAGES}

    def shares(
        self, raw: RawTable, matrix: NDArray[np.float32], probability: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Shares in log-odds, `[rows, fields]`: `base` plus a row's sum is the probability's log-odds."""
        return closed(self._shares(raw, matrix), self.base, probability)

    def reasons(
        self,
        values: NDArray[np.float64],
        shares: NDArray[np.float64],
        language: LanguageName = "en",
        most: int = 5,
    ) -> tuple[Reason, ...]:
        """The strongest reasons for one customer.

        Args:
            values: His raw values, `[fields]`.
            shares: Of his fields, `[fields]`.

        Raises:
            SchemaError: There are no sentences in this language.
        """
        sentences = in_language(self._sentences, language)
        strongest: list[int] = np.argsort(-np.abs(shares), kind="stable")[:most].tolist()
        effects, numbers = shares.tolist(), values.tolist()  # Python's own are faster one by one
        reasons: list[Reason] = []
        for index in strongest:
            field, effect = self._spec.fields[index], effects[index]
            if abs(effect) < _SMALLEST:
                break
            value = field_value(field, numbers[index])
            text = sentences(index, value, effect)
            reasons.append(Reason(feature=field.name, value=value, effect=round(effect, 9), text=text))
        return tuple(reasons)


def closed(shares: NDArray[np.float64], base: float, probability: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shares that add up to the log-odds of the probability as it was answered.

    What they lack is spread over them in proportion to their size: the rounding of a float32
    probability (up to 6e-8 / (p (1 - p)) in log-odds), what a limited member does not say, what a
    stand-in misses. Nobody is sure: a probability of 0 or 1 counts as the nearest to it.
    """
    p = np.minimum(np.maximum(probability.astype(np.float64), _NEVER), _EVER)
    size = np.abs(shares)
    lacking = np.log(p / (1.0 - p)) - base - shares.sum(axis=1)
    rate = lacking / np.maximum(size.sum(axis=1), _TINY)
    return shares + size * rate[:, None]
