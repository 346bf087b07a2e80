"""Small ensembles whose shares can be worked out by hand, coalition by coalition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Bundle, write_bundle
from churn_core.bundle.manifest import Calibration
from churn_core.features import Encoder, RawTable, derived_features, reference
from churn_core.protocols import Member, TrainingData
from churn_core.schemas import Category, Customer, Flag, Numeric
from churn_core.train.blend import blended_log_odds
from churn_core.train.candidates import fit
from churn_core.train.export import export_graph
from churn_core.train.folds import stratified_folds
from churn_core.train.reasons import export_reasons
from tests.support.bundles import logistic_bundle

__all__ = [
    "PLATT",
    "PhoneCustomer",
    "brute_force",
    "customers",
    "encoder_of",
    "fitted",
    "member",
    "phone_bundle",
    "score",
]

PLATT = Calibration(method="platt", slope=1.3, intercept=-0.4)

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class PhoneCustomer(Customer, schema="phone-only", version=1):
    """A customer with few enough fields to try all coalitions."""

    tenure_months: Annotated[int, Numeric("Months as a customer", ge=0, le=60, unit="months", example=7)]
    contract: Annotated[
        Literal["Month-to-month", "One year", "Two year"], Category("Contract term", example="One year")
    ]
    monthly_fee: Annotated[float, Numeric("Monthly fee", ge=0, le=500, unit="currency", example=24.9)]
    calls: Annotated[int, Numeric("Calls to support", ge=0, le=50, example=1)]
    autopay: Annotated[bool, Flag("Pays by standing order", example=True)]


def customers(rows: int, seed: int = 0) -> RawTable:
    """Customers of the small schema whose fields go together as in life."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 61, rows)
    contract = np.minimum(rng.integers(0, 3, rows), tenure // 12)
    fee = np.round(20 + 0.3 * tenure + rng.gamma(2.0, 10.0, rows), 2)
    calls, autopay = rng.poisson(1.5, rows), rng.random(rows) < 0.4
    values = np.column_stack([tenure, contract, fee, calls, autopay]).astype(np.float64)
    return RawTable(PhoneCustomer.spec, values)


def encoder_of(*derived: str) -> Encoder:
    return Encoder(PhoneCustomer.spec, derived_features(derived))


@cache
def fitted(name: str, derived: tuple[str, ...] = (), **settings: Any) -> Any:
    """A model fitted on 300 customers who leave for reasons that depend on each other."""
    raw = customers(300)
    tenure, contract, fee, calls, autopay = raw.values.T
    odds = 0.5 - 1.5 * (contract > 0) + 0.4 * calls * (tenure < 24) + 0.02 * (fee - 50) - 0.8 * autopay
    labels = (np.random.default_rng(1).random(300) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    encoder = encoder_of(*derived)
    data = TrainingData(encoder.encode(raw), labels, stratified_folds(labels, 3, 0), encoder.names, 0)
    return fit(name, settings, data, np.ones(300, dtype=bool))


def member(name: str, derived: tuple[str, ...] = (), weight: float = 1.0, **settings: Any) -> Member:
    return Member(name, fitted(name, derived, **settings), weight, np.zeros(0))


def score(members: Sequence[Member], encoder: Encoder, calibration: Calibration = PLATT) -> Score:
    """The estimators' calibrated log-odds as a function of raw values."""

    def odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
        matrix = encoder.encode(RawTable(encoder.spec, values))
        return calibration.slope * blended_log_odds(members, matrix) + calibration.intercept

    return odds


def brute_force(
    odds: Score, row: NDArray[np.float64], background: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shapley values by their definition: every order in which the fields can join."""
    fields = len(row)
    masks = np.array([[bool(code >> field & 1) for field in range(fields)] for code in range(2**fields)])
    mixtures = np.where(masks[:, None, :], row, background[None])
    worth = odds(mixtures.reshape(-1, fields)).reshape(len(masks), -1).mean(axis=1)
    shares = np.zeros(fields)
    orders = list(permutations(range(fields)))
    for order in orders:
        code = 0
        for field in order:
            shares[field] += worth[code | 1 << field] - worth[code]
            code |= 1 << field
    return shares / len(orders)


def phone_bundle(folder: Path, members: Sequence[Member], *derived: str) -> Bundle:
    """A bundle of an ensemble for the small schema, with tables of shares."""
    encoder, raw = encoder_of(*derived), customers(300)
    graph = export_graph(members, PLATT, len(encoder.names))
    tables, about = export_reasons(members, PLATT, encoder, raw, graph)
    made = logistic_bundle(
        folder, PhoneCustomer.spec, derived=derived, reasons=about, reference=reference(raw)
    )
    return write_bundle(folder, made.manifest, graph, tables)
