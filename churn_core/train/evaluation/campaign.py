"""What a team with so many calls reaches, and what became of customers of a given probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import DecisionPolicy, best_contacts
from churn_core.bundle.band import BandReader
from churn_core.gate.groups import wilson
from churn_core.train.evaluation.curves import Rows, rounded

__all__ = ["capacity", "given"]

Floats = NDArray[np.float64]

_CALLS = (100, 500, 1000)
_SHARES = (0.1, 0.2, 0.3)
_GIVEN = (0.05, *(tenth / 10 for tenth in range(1, 10)))
_NEAR = 0.05


def capacity(
    labels: NDArray[np.int64],
    probabilities: Floats,
    policy: DecisionPolicy,
    values: Floats | None = None,
) -> Rows:
    """The best contacts among the hold-out with limited means, and in the last row with none.

    `expected_profit` is what the probabilities promise for all of them together, `profit` what their
    outcomes brought. Nobody is contacted at an expected loss, so rows that ask for more calls than
    pay are left out.
    """
    most = len(best_contacts(policy, probabilities, values))
    wanted = {*_CALLS, *(round(share * len(labels)) for share in _SHARES)}
    outcome = policy.outcome(labels, values)
    rate = labels.mean()
    rows: Rows = []
    for calls in [*sorted(calls for calls in wanted if 0 < calls < most), most]:
        chosen = best_contacts(policy, probabilities, values, capacity=calls)
        left = int(labels[chosen.rows].sum())
        low, high = wilson(left, calls)
        rows.append(
            {
                "calls": calls,
                "share": rounded(calls / len(labels)),
                "expected_profit": rounded(chosen.profit, 2),
                "profit": rounded(float(outcome[chosen.rows].sum()), 2),
                "cost": rounded(chosen.cost, 2),
                "churners": left,
                "gain": rounded(left / labels.sum()) if labels.any() else None,
                "hit_rate": rounded(left / calls) if calls else None,
                "hit_rate_low": rounded(low),
                "hit_rate_high": rounded(high),
                "lift": rounded(left / calls / rate) if calls and rate else None,
            }
        )
    return rows


def given(labels: NDArray[np.int64], probabilities: Floats, band: BandReader | None) -> Rows:
    """Customers whose probability is near a round number: how many left, and what the bundle says.

    `low` and `high` are the bundle's interval at exactly that probability; `None` where it knows none.
    `customers` are those of the hold-out within five points, with the share of them who left.
    """
    rows: Rows = []
    for probability in _GIVEN:
        near = labels[np.abs(probabilities - probability) <= _NEAR]
        left = int(near.sum())
        bounds: Any = band(np.array([probability]))[:, 0] if band else (None, None)
        found = wilson(left, len(near))
        rows.append(
            {
                "probability": probability,
                "low": rounded(bounds[0]),
                "high": rounded(bounds[1]),
                "customers": len(near),
                "left": left,
                "left_share": rounded(left / len(near)) if len(near) else None,
                "left_low": rounded(found[0]),
                "left_high": rounded(found[1]),
            }
        )
    return rows
