"""Why a customer has his score: each field's effect in log-odds.

The effect of a field is the change in log-odds when its value takes the place of the typical
value of the training customers, all other fields as they are. One call of the graph on
`fields + 1` rows answers for any model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from churn_core.features import FieldReference, RawTable, field_value
from churn_core.schemas import Reason, SchemaSpec
from churn_core.schemas.rules import Scalar
from churn_core.schemas.spec import FieldSpec

__all__ = ["Explainer"]

Probabilities = Callable[[RawTable], NDArray[np.float32]]

# Effects below this change no probability in its second decimal; they are noise to a reader.
_SMALLEST = 0.01


class Explainer:
    """Reasons for one customer at a time, strongest first."""

    def __init__(self, spec: SchemaSpec, reference: Sequence[FieldReference], predict: Probabilities) -> None:
        self._spec = spec
        self._predict = predict
        by_field = {record.field: record.typical for record in reference}
        self._typical = np.array([_number(field, by_field[field.name]) for field in spec.fields])

    def reasons(self, raw: RawTable, most: int = 5) -> tuple[Reason, ...]:
        """The strongest reasons for the one customer in `raw`."""
        effects = self.effects(raw)
        order = np.argsort(-np.abs(effects), kind="stable")[:most]
        return tuple(
            self._reason(raw, int(i), float(effects[i])) for i in order if abs(effects[i]) >= _SMALLEST
        )

    def effects(self, raw: RawTable) -> NDArray[np.float64]:
        """Each field's effect in log-odds, float64 `[fields]`, for the one customer in `raw`."""
        count = len(self._typical)
        rows = np.repeat(raw.values, count + 1, axis=0)
        rows[np.arange(count), np.arange(count)] = self._typical
        scores = _logit(self._predict(RawTable(self._spec, rows)))
        return scores[count] - scores[:count]

    def _reason(self, raw: RawTable, index: int, effect: float) -> Reason:
        field = self._spec.fields[index]
        value = field_value(field, float(raw.values[0, index]))
        direction = "raises" if effect > 0 else "lowers"
        text = f"{field.description}: {_spoken(field, value)} {direction} the risk of churn"
        return Reason(feature=field.name, value=value, effect=round(effect, 6), text=text)


def _number(field: FieldSpec, value: Scalar) -> float:
    return float(field.values.index(str(value))) if field.role == "category" else float(value)


def _logit(probability: NDArray[np.float32]) -> NDArray[np.float64]:
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(p) - np.log1p(-p)


def _spoken(field: FieldSpec, value: Scalar) -> str:
    if field.role == "flag":
        return "yes" if value else "no"
    if field.role == "category":
        return str(value)
    return f"{value:g} {field.unit}".strip()
