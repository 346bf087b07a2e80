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
        matrix = np.empty((len(raw), len(self.names)), dtype=np.float32)
        encoded = matrix[:, : self._encoded]
        encoded[:] = raw.values.take(self._from, axis=1) == self._codes
        encoded[:, self._plain] = raw.values.take(self._plain_from, axis=1)
        column = self._encoded
        for name, feature, names in self._derived:
            parts = feature.compute(raw) if names else ()
            if len(parts) != len(names):
                raise FeatureError(f"feature {name!r} gave {len(parts)} columns instead of {len(names)}")
            for part in parts:
                matrix[:, column] = part
                column += 1
        return matrix

    def _layout(self) -> None:
        names: list[str] = []
        sources: list[str] = []
        taken: list[int] = []
        codes: list[float] = []
        plain: list[tuple[int, int]] = []
        for index, field in enumerate(self.spec.fields):
            labels = [f"{field.name}={v}" for v in field.values] if field.values else [field.name]
            names += labels
            sources += [field.name] * len(labels)
            taken += [index] * len(labels)
            codes += range(len(labels))
            if field.role != "category":
                plain.append((index, len(taken) - 1))
        self._encoded = len(names)
        for name, _, columns in self._derived:
            names += [f"{name}:{column}" for column in columns]
            sources += [name] * len(columns)
        self.names, self.sources = tuple(names), tuple(sources)
        # The raw column behind each encoded one, and the code that makes a category's column 1.
        self._from, self._codes = np.array(taken, dtype=np.intp), np.array(codes, dtype=np.float64)
        self._plain_from, self._plain = np.array(plain, dtype=np.intp).reshape(-1, 2).T
