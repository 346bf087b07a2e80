"""Can the probabilities be taken at their word?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, FiniteFloat, model_validator

from churn_core.gate.evidence import Evidence
from churn_core.gate.inference import holm
from churn_core.gate.logistic import logistic_fit
from churn_core.gate.metrics import brier
from churn_core.gate.sample import EPSILON, Floats, Sample, ratio
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["Calibration", "Judged"]

_Range = tuple[FiniteFloat, FiniteFloat]
_GROUPS = 10
