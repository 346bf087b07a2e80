"""From raw customers to the named float32 matrix that models see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from churn_core import registry
from churn_core.errors import FeatureError
from churn_core.features.raw import RawTable
from churn_core.protocols import DerivedFeature
from churn_core.schemas import SchemaSpec

__all__ = ["Encoder", "derived_features"]


def derived_features(names: Sequence[str]) -> tuple[tuple[str, DerivedFeature], ...]:
    """The derived features of those names, in that order.

    Raises:
        PluginError: One is not installed or is broken.
    """
    return tuple((name, registry.get("features", name)()) for name in names)


class Encoder:
    """Numbers and flags as they are, categories one column a value, then derived features.

    Stateless: it is a function of schema and derived features, so there is nothing to fit
    and nothing that training and serving could do differently.

    Attributes:
        names: Names of the columns: `tenure_months`, `contract=One year`, `charges:drift`.
        sources: For each column, the field it encodes; derived columns name their feature.
    """

    def __init__(self, spec: SchemaSpec, derived: Sequence[tuple[str, DerivedFeature]] = ()) -> None:
        self.spec = spec
        self._derived = [(name, f, f.columns(spec)) for name, f in derived]
        self._layout()
        if len(set(self.names)) != len(self.names):
            raise FeatureError(f"schema {spec.name!r}: two features have the same name")

    def encode(self, raw: RawTable) -> NDArray[np.float32]:
        """The feature matrix, float32 `[rows, features]`, C order."""
        values, rows = raw.values, len(raw)
        matrix = np.zeros((rows, len(self.names)), dtype=np.float32)
        matrix[:, self._plain_to] = values[:, self._plain_from]
        if self._hot_from.size:
            columns = values[:, self._hot_from].astype(np.intp) + self._hot_to
            matrix.reshape(-1)[columns + self._row_starts(rows)] = 1.0
        column = self._encoded
        for name, feature, names in self._derived:
            parts = feature.compute(raw) if names else ()
            if len(parts) != len(names):
                raise FeatureError(f"feature {name!r} gave {len(parts)} columns instead of {len(names)}")
            for part in parts:
                matrix[:, column] = part
                column += 1
        return matrix

    def _row_starts(self, rows: int) -> NDArray[np.intp]:
        return (np.arange(rows, dtype=np.intp) * len(self.names))[:, None]

    def _layout(self) -> None:
        names: list[str] = []
        sources: list[str] = []
        plain: list[tuple[int, int]] = []
        hot: list[tuple[int, int]] = []
        for index, field in enumerate(self.spec.fields):
            (hot if field.role == "category" else plain).append((index, len(names)))
            labels = [f"{field.name}={v}" for v in field.values] if field.values else [field.name]
            names += labels
            sources += [field.name] * len(labels)
        self._encoded = len(names)
        for name, _, columns in self._derived:
            names += [f"{name}:{column}" for column in columns]
            sources += [name] * len(columns)
        self.names, self.sources = tuple(names), tuple(sources)
        self._plain_from, self._plain_to = _index_pair(plain)
        self._hot_from, self._hot_to = _index_pair(hot)


def _index_pair(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    table = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return table[:, 0], table[:, 1]
