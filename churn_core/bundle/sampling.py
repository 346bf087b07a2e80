"""Shares of any model, by asking its graph about mixtures of two customers.

For bundles without `reasons.onnx`. A customer's values take the place of those of an average
customer one by one, in a random order; what each changes is its share, on average over orders
and over customers drawn from what the bundle knows of its training customers. Orders come in
pairs, one the reverse of the other, which leaves no error where fields act alone or in pairs.
See Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with
feature contributions", 2014, and for pairs Mitchell, Cooper, Frank and Holmes, "Sampling
permutations for Shapley value estimation", 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from churn_core.features import FieldReference, RawTable
from churn_core.schemas import SchemaSpec
from churn_core.schemas.spec import FieldSpec

__all__ = ["SampledShares", "average_customers"]

Probabilities = Callable[[RawTable], NDArray[np.float32]]

# One part in ten million, the limit that trained models have, keeps log-odds finite.
_SMALLEST = 1e-7


class SampledShares:
    """Shares by sampling; the same customer always gets the same.

    Attributes:
        base: Mean log-odds of the customers in whose place others are put.
    """

    def __init__(self, spec: SchemaSpec, customers: NDArray[np.float64], predict: Probabilities) -> None:
        """Draw an order, and its reverse, for each customer.

        Args:
            customers: Raw values, `[customers, fields]`; one question to the graph has
                `2 * customers * fields` rows.
        """
        self._spec = spec
        self._predict = predict
        self._taken, self._sums = _orders(*customers.shape)
        self._others = np.repeat(customers, 2 * customers.shape[1], axis=0)
        self.base = float(self._odds(customers).mean())

    def __call__(self, raw: RawTable, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        shares = [self._sums @ self._odds(np.where(self._taken, row, self._others)) for row in raw.values]
        return np.array(shares).reshape(len(raw), len(self._spec.fields))

    def _odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self._predict(RawTable(self._spec, values)).astype(np.float64)
        p = np.clip(p, _SMALLEST, 1 - _SMALLEST)
        return np.log(p) - np.log1p(-p)


def average_customers(
    spec: SchemaSpec, reference: Sequence[FieldReference], draws: int = 16
) -> NDArray[np.float64]:
    """Customers whose fields have the distributions of training customers, independently.

    Each field's values are spread evenly over its distribution (a Latin hypercube), so that a
    few customers stand for many.

    Returns:
        Raw values, float64 `[draws, fields]`.
    """
    by_field = {record.field: record for record in reference}
    rng = np.random.default_rng(0)
    places = (np.arange(draws) + 0.5) / draws
    columns = [rng.permutation(_quantiles(field, by_field[field.name], places)) for field in spec.fields]
    return np.column_stack(columns)


def _quantiles(field: FieldSpec, record: FieldReference, places: NDArray[np.float64]) -> NDArray[np.float64]:
    if field.role == "numeric":
        values = np.interp(places, np.linspace(0, 1, len(record.quantiles)), record.quantiles)
        return np.rint(values) if field.integer else values
    labels = field.values or ("false", "true")
    upper = np.cumsum([record.shares[label] for label in labels])
    return np.minimum(np.searchsorted(upper, places), len(labels) - 1).astype(np.float64)


def _orders(draws: int, fields: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """What is asked of the graph, and how its answers make shares.

    Returns:
        Which fields are the customer's in each question, bool `[draws * 2 * fields, fields]`:
        none, the first 1, 2, ... of an order, the first 1, 2, ... of its reverse, all. And the
        weights of the answers, float64 `[fields, draws * 2 * fields]`.
    """
    rng = np.random.default_rng(0)
    taken = np.zeros((draws, 2 * fields, fields), dtype=bool)
    sums = np.zeros((fields, draws, 2 * fields))
    for draw in range(draws):
        order = rng.permutation(fields)
        for start, way in ((0, order), (fields - 1, order[::-1])):
            before = 0
            for step, field in enumerate(way.tolist(), start=1):
                after = start + step if step < fields else 2 * fields - 1
                taken[draw, after, way[:step]] = True
                sums[field, draw, after] += 1
                sums[field, draw, before] -= 1
                before = after
    return taken.reshape(-1, fields), sums.reshape(fields, -1) / (2 * draws)
