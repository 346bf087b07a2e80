"""How MLflow loads a registered bundle: `loader_module` of its `python_function` flavor.

Raw customers go in, a row each; probabilities come out in the same order under the same
index. A row that the schema refuses has its fault in `error`, no probability, and does not
disturb the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_core.bundle import Scorer, read_bundle
from churn_core.features import ReadColumns, read_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChurnModel"]

_LEVELS = np.array(["LOW", "MEDIUM", "HIGH", ""], dtype=object)
_REFUSED = 3


class ChurnModel:
    """A bundle that answers frames."""

    def __init__(self, folder: Path) -> None:
        self._scorer = Scorer(read_bundle(folder))

    def predict(self, customers: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Answer raw customers.

        Args:
            customers: A column of canonical values for each field; others are ignored.
            params: Not used; MLflow passes it.

        Returns:
            `churn_probability`, `churn_prediction` (1.0 or 0.0), `churn_risk`,
            `expected_profit` and `error`. Of a refused row, numbers are NaN and `churn_risk` is
            empty; `error` is empty for all others.

        Raises:
            FeatureError: A column is missing.
        """
        import pandas as pd

        policy = self._scorer.bundle.decision
        columns = read_columns(self._scorer.bundle.schema_spec, customers)
        probability = self._scorer.probabilities(columns.raw).astype(np.float64)
        values = policy.values(columns.raw)
        level = (probability >= policy.medium_risk).astype(int) + (probability >= policy.high_risk)
        nan = np.where(columns.valid, 0.0, np.nan)
        return pd.DataFrame(
            {
                "churn_probability": probability + nan,
                "churn_prediction": (probability >= policy.threshold_of(values)) + nan,
                "churn_risk": _LEVELS[np.where(columns.valid, level, _REFUSED)],
                "expected_profit": policy.expected_profit(probability, values) + nan,
                "error": _errors(columns),
            },
            index=customers.index,
        )


def _errors(columns: ReadColumns) -> list[str]:
    texts = [""] * len(columns.valid)
    for problem, rows in columns.faults:
        for row in rows.tolist():
            texts[row] = f"{texts[row]}; {problem}" if texts[row] else str(problem)
    return texts


def _load_pyfunc(path: str) -> ChurnModel:
    """Called by MLflow."""
    return ChurnModel(Path(path))
