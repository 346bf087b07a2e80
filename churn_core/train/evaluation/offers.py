"""What could keep customers of the hold-out, in aggregate: the actions that the bundle would propose."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Scorer
from churn_core.bundle.policy import moves_on_offer
from churn_core.features import RawTable, field_value
from churn_core.schemas import ChurnPrediction, SchemaSpec
from churn_core.schemas.moves import value_name
from churn_core.train.evaluation.curves import Rows, rounded

__all__ = ["offers"]

_ASKED = 200  # one customer takes about a millisecond
_LISTED = 8
_WORDS = {"true": "yes", "false": "no"}


def offers(
    scorer: Scorer,
    raw: RawTable,
    probabilities: NDArray[np.float64],
    values: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Rows:
    """Proposed changes, the most frequent first, among up to 200 customers at or above the threshold.

    `reached` counts customers who are below the threshold after the change, `probability` and
    `changed` are means before and after it, `profit` is the mean expected profit of proposing it and
    `offer_profit` that of a plain offer to the same customers. Rarer changes share one row. No rows
    where the schema has no moves on offer, or nobody is at the threshold.
    """
    policy = scorer.bundle.decision
    risky = np.flatnonzero(probabilities >= policy.threshold_of(values))
    if not len(risky) or not any(moves_on_offer(policy.costs, field) for field in raw.spec.fields):
        return []
    chosen = np.sort(np.random.default_rng(seed).permutation(risky)[:_ASKED])
    answers = scorer.predict_many(_customers(raw, chosen), action=True)
    groups: dict[str, list[ChurnPrediction]] = defaultdict(list)
    for answer in answers:
        groups[_change(raw.spec, answer)].append(answer)
    kept = sorted((name for name in groups if name), key=lambda name: (-len(groups[name]), name))
    rows = [_row(name, groups[name]) for name in kept[:_LISTED]]
    if rest := [answer for name in kept[_LISTED:] for answer in groups[name]]:
        rows.append(_row("other changes", rest))
    return rows + ([_row("no allowed change helps", groups[""])] if groups[""] else [])


def _customers(raw: RawTable, chosen: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Customers as they are asked about."""
    return [
        {
            "customer_id": "hold-out",
            **{f.name: field_value(f, v) for f, v in zip(raw.spec.fields, row, strict=True)},
        }
        for row in raw.values[chosen].tolist()
    ]


def _change(spec: SchemaSpec, answer: ChurnPrediction) -> str:
    changes = answer.action.changes if answer.action else ()
    values = [value_name(one.becomes) for one in changes]
    names = [spec.field(one.feature).description for one in changes]
    return " + ".join(f"{name}: {_WORDS.get(to, to)}" for name, to in zip(names, values, strict=True))


def _row(name: str, answers: list[ChurnPrediction]) -> dict[str, Any]:
    actions = [answer.action for answer in answers if answer.action]
    changed = bool(actions and actions[0].changes)
    return {
        "change": name,
        "customers": len(answers),
        "reached": sum(action.reaches_threshold for action in actions) if changed else 0,
        "probability": _mean([answer.churn_probability for answer in answers]),
        "changed": _mean([action.churn_probability for action in actions]) if changed else None,
        "cost": _mean([action.cost for action in actions]) if changed else None,
        "profit": _mean([action.expected_profit for action in actions]) if changed else None,
        "offer_profit": _mean([answer.expected_profit for answer in answers]),
    }


def _mean(numbers: list[float]) -> float | None:
    return rounded(float(np.mean(numbers)))
