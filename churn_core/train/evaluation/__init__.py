"""What the hold-out says of a bundle: numbers with intervals, figures, a report."""

from __future__ import annotations

from churn_core.train.evaluation.numbers import Numbers
from churn_core.train.evaluation.run import Evaluation, evaluate

__all__ = ["Evaluation", "Numbers", "evaluate"]
