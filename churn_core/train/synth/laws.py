"""Who the drawn customers are, and which of them churn."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_core.schemas import SchemaSpec, TelcoVisionCustomer
from churn_core.train.synth.marginals import Column, choose, marginal, whole
from churn_core.train.synth.rules import obey

__all__ = ["Drawn", "GenericLaw", "Law", "TelcoVisionLaw", "law_of"]


class Drawn(NamedTuple):
    """Columns by field, and the outcomes."""

    columns: dict[str, Column]
    churn: NDArray[np.bool_]


class Law(Protocol):
    """The joint distribution of fields and outcome."""

    def draw(self, rng: np.random.Generator, rows: int) -> Drawn: ...


def law_of(spec: SchemaSpec) -> Law:
    """The law of a schema."""
    if spec.fingerprint == TelcoVisionCustomer.spec.fingerprint:
        return TelcoVisionLaw()
    return GenericLaw(spec)


class TelcoVisionLaw:
    """What the public TelcoVision data follow.

    Shares are those of the data; which churn is a logistic law of five of the fields, and
    all else is noise. No model can pass an AUC of about 0.743 on it.
    """

    # In the order of the schema's values.
    shares = {
        "gender": (0.4986, 0.5014),
        "region": (0.2511, 0.2463, 0.2542, 0.2484),
        "contract_type": (0.6026, 0.2461, 0.1513),
        "internet_service": (0.4010, 0.3957, 0.2033),
        "multiple_lines": (0.4061, 0.3939, 0.2000),
        "payment_method": (0.2097, 0.1873, 0.4022, 0.2008),
    }

    def draw(self, rng: np.random.Generator, rows: int) -> Drawn:
        columns = {name: choose(rng, rows, shares) for name, shares in self.shares.items()}
        columns["age"] = whole(rng, rows, 18, 79)
        columns["tenure_months"] = tenure = whole(rng, rows, 1, 71)
        columns["monthly_charges"] = monthly = np.round(20 + 100 * rng.random(rows), 2)
        columns["total_charges"] = np.round(tenure * monthly + 50 * rng.random(rows), 2)
        columns["phone_service"] = columns["multiple_lines"] != 2
        return Drawn(columns, rng.random(rows) < _sigmoid(self.log_odds(columns)))

    @staticmethod
    def log_odds(columns: dict[str, Column]) -> NDArray[np.float64]:
        """Log-odds of churn, `[rows]`."""
        contract, tenure = columns["contract_type"], columns["tenure_months"]
        return (
            -2.28
            + 1.26 * (contract == 0)
            - 0.67 * (contract == 2)
            + 0.54 * (columns["internet_service"] == 1)
            + 0.71 * (columns["payment_method"] == 2)
            + 0.51 * (tenure <= 36)
            + 0.88 * (tenure <= 12)
        )


class GenericLaw:
    """A plausible world for any schema, derived from the schema alone.

    Fields are independent but for the schema's rules. About a third of them, at least two,
    move the log-odds of churn; which, and how far, the schema's fingerprint decides. Their
    standard deviation is about `SPREAD`, and about `RATE` of the customers churn.
    """

    SPREAD = 1.3
    RATE = 0.3
    _PILOT = 8_192

    def __init__(self, spec: SchemaSpec) -> None:
        self._spec = spec
        rng = np.random.Generator(np.random.SFC64(int(spec.fingerprint[:16], 16)))
        self._marginals = {field.name: marginal(field, rng) for field in spec.fields}
        count = min(len(spec.names), max(2, len(spec.names) // 3))
        chosen = np.argsort(rng.random(len(spec.names)))[:count]
        size = (0.5 + rng.random(count)) * np.where(rng.random(count) < 0.5, -1.0, 1.0)
        self.effects = {spec.names[at]: float(effect) for at, effect in zip(chosen, size, strict=True)}
        self.intercept = 0.0
        self._settle(rng)

    def draw(self, rng: np.random.Generator, rows: int) -> Drawn:
        columns = self._columns(rng, rows)
        return Drawn(columns, rng.random(rows) < _sigmoid(self.log_odds(columns)))

    def log_odds(self, columns: dict[str, Column]) -> NDArray[np.float64]:
        """Log-odds of churn, `[rows]`."""
        scores = np.array([self._marginals[name].score(columns[name]) for name in self.effects])
        return self.intercept + np.array(list(self.effects.values())) @ scores

    def _columns(self, rng: np.random.Generator, rows: int) -> dict[str, Column]:
        columns = {name: spread.draw(rng, rows) for name, spread in self._marginals.items()}
        obey(self._spec, columns, self._marginals, rng)
        return columns

    def _settle(self, rng: np.random.Generator) -> None:
        """Scale the effects and set the intercept, judged on a pilot sample."""
        pilot = self.log_odds(self._columns(rng, self._PILOT))
        factor = self.SPREAD / (float(pilot.std()) or 1.0)
        self.effects = {name: effect * factor for name, effect in self.effects.items()}
        low, high = -20.0, 20.0
        for _ in range(40):
            middle = (low + high) / 2
            too_many = _sigmoid(factor * pilot + middle).mean() > self.RATE
            low, high = (low, middle) if too_many else (middle, high)
        self.intercept = (low + high) / 2


def _sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-log_odds))
