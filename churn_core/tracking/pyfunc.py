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
from churn_core.schemas import LanguageName

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARAMS", "ChurnModel"]

# What can be asked for besides the columns that are always there: MLflow's type, and the default.
PARAMS: dict[str, tuple[str, Any]] = {
    "interval": ("boolean", False),
    "reasons": ("long", 0),
    "language": ("string", "en"),
}

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
            params: `interval` (whether to say how sure the probability is), `reasons` (how many to
                give) and their `language`; see `PARAMS`.

        Returns:
            `churn_probability`, `churn_prediction` (1.0 or 0.0), `churn_risk`,
            `expected_profit` and `error`; where asked for, also `probability_low` and
            `probability_high`, and `reasons` as sentences. Of a refused row, numbers are NaN and texts
            are empty; `error` is empty for all others.

        Raises:
            FeatureError: A column is missing.
            BundleError: An interval is asked for, and the bundle knows none.
            SchemaError: There are no texts in this language.
        """
        import pandas as pd

        policy = self._scorer.bundle.decision
        columns = read_columns(self._scorer.bundle.schema_spec, customers)
        probability = self._scorer.probabilities(columns.raw).astype(np.float64)
        values = policy.values(columns.raw)
        level = (probability >= policy.medium_risk).astype(int) + (probability >= policy.high_risk)
        nan = np.where(columns.valid, 0.0, np.nan)
        answers: dict[str, Any] = {
            "churn_probability": probability + nan,
            "churn_prediction": (probability >= policy.threshold_of(values)) + nan,
            "churn_risk": _LEVELS[np.where(columns.valid, level, _REFUSED)],
            "expected_profit": policy.expected_profit(probability, values) + nan,
            "error": _errors(columns),
        }
        asked = {name: default for name, (_, default) in PARAMS.items()} | (params or {})
        if asked["interval"]:
            low, high = self._scorer.intervals(probability)
            answers |= {"probability_low": low + nan, "probability_high": high + nan}
        if asked["reasons"] > 0:
            answers["reasons"] = self._reasons(columns, asked["reasons"], asked["language"])
        return pd.DataFrame(answers, index=customers.index)

    def _reasons(self, columns: ReadColumns, most: int, language: LanguageName) -> list[str]:
        reasons = self._scorer.reasons(columns.raw, most, language)
        return [
            " ".join(reason.text for reason in why) if valid else ""
            for why, valid in zip(reasons, columns.valid.tolist(), strict=True)
        ]


def _errors(columns: ReadColumns) -> list[str]:
    texts = [""] * len(columns.valid)
    for problem, rows in columns.faults:
        for row in rows.tolist():
            texts[row] = f"{texts[row]}; {problem}" if texts[row] else str(problem)
    return texts


def _load_pyfunc(path: str) -> ChurnModel:
    """Called by MLflow."""
    return ChurnModel(Path(path))
