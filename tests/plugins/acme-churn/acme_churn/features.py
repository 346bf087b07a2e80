"""What Acme derives from a customer's fields."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from churn_core.features import RawTable
from churn_core.schemas import SchemaSpec


class FeePerGigabyte:
    """What a customer pays for a gigabyte, as if one more had been used."""

    version: ClassVar[int] = 1

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("ratio",) if {"monthly_fee", "data_gb"} <= set(spec.names) else ()

    def compute(self, raw: RawTable) -> list[NDArray[np.float64]]:
        return [raw.number("monthly_fee") / (raw.number("data_gb") + 1.0)]
