"""Whom to call: from a file of customers to a list for the retention team.

```python
from churn_core.batch.target import target

done = target(scorer, Path("customers.csv"), Path("calls.csv"), capacity=500)
print(done.contacts, done.expected_profit)
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.batch.customers import Row, read_customers
from churn_core.batch.write import Kinds, check_kind, write_rows
from churn_core.bundle import Scorer, Targets, choose_targets
from churn_core.errors import DataError
from churn_core.features import RawTable, read_columns
from churn_core.schemas import FieldProblem, LanguageName, SchemaSpec
from churn_core.schemas.rules import Frozen, Scalar

__all__ = ["CallList", "target"]

_AT_ONCE = 10_000
_TWICE = FieldProblem("customer_id", "is that of an earlier row", "each customer once")
_COLUMNS: Kinds = {
    "rank": int,
    "customer_id": str,
    "churn_probability": float,
    "low": float,
    "high": float,
    "expected_profit": float,
    "expected_cost": float,
    "value": float,
    "risk": str,
    "reasons": str,
}
_REJECTS: Kinds = {"row": int, "field": str, "reason": str}


class CallList(Frozen):
    """What was written, and what it is expected to bring, in `currency`.

    Attributes:
        out: The list, a line for each customer to call, in the order in which they were chosen.
        rejects: The rows that were refused, with their reasons; rows are counted from 1.
        bundle: Digest of the bundle that scored.
        customers: How many were scored.
        refused: How many rows were not.
        problems: What was wrong, with the number of rows it was wrong in, the most frequent first.
        contacts: How many are on the list.
        bound: No choice within the same means has a higher expected profit.
        next_profit: What the most profitable customer who is not on the list would bring; `None`
            where nobody else is expected to bring anything.
        next_cost: What contacting him is expected to cost.
    """

    out: Path
    rejects: Path
    bundle: str
    customers: int
    refused: int
    problems: dict[str, int]
    contacts: int
    expected_profit: float
    expected_cost: float
    bound: float
    next_profit: float | None
    next_cost: float | None
    currency: str


def target(
    scorer: Scorer,
    customers: Path,
    out: Path,
    *,
    capacity: int | None = None,
    budget: float | None = None,
    reasons: int = 3,
    language: LanguageName = "en",
) -> CallList:
    """Choose whom to contact, and write the list.

    Nothing of a customer is written but his id and what the model says of him. Refused rows are
    named in a file beside the list: `calls.rejects.csv` for `calls.csv`.

    Args:
        customers: CSV, JSON, JSON lines or Parquet, in any spelling that the schema knows.
        out: CSV, JSON lines or Parquet; replaced only when the list is whole.
        capacity: How many can be contacted. With neither limit, all who are expected to bring something.
        budget: What contacts may cost, as expected.
        reasons: How many to give for each customer.
        language: Of the reasons.

    Raises:
        DataError: A file cannot be read or written, no row is a customer, or the limits are wrong.
    """
    rejects = out.with_name(f"{out.stem}.rejects.csv")
    check_kind(out)
    if customers.resolve() in (out.resolve(), rejects.resolve()):
        raise DataError(f"the list would overwrite {customers}: give another file")
    people = _read(scorer.bundle.schema_spec, customers)
    refusals = [(row, problem) for row, problems in people.refused for problem in problems]
    if not people.ids:
        why = f": {refusals[0][1]}" if refusals else ""
        raise DataError(f"{customers} holds no customer{why}")
    scores = _score(scorer, people.raw)
    chosen = choose_targets(scores.profit, scores.cost, capacity=capacity, budget=budget)
    write_rows(rejects, _REJECTS, [(row, problem.field, problem.reason) for row, problem in refusals])
    write_rows(out, _COLUMNS, _lines(scorer, people, scores, chosen.rows, reasons, language))
    next_profit, next_cost = _following(scores, chosen)
    return CallList(
        out=out,
        rejects=rejects,
        bundle=scorer.bundle.digest,
        customers=len(people.ids),
        refused=len(people.refused),
        problems=dict(Counter(str(problem) for _, problem in refusals).most_common()),
        contacts=len(chosen),
        expected_profit=chosen.profit,
        expected_cost=chosen.cost,
        bound=chosen.bound,
        next_profit=next_profit,
        next_cost=next_cost,
        currency=scorer.bundle.decision.costs.currency,
    )


@dataclass(frozen=True)
class _People:
    """Customers of a file by row, and refused rows by number."""

    ids: list[str]
    raw: RawTable
    refused: list[tuple[int, tuple[FieldProblem, ...]]]


@dataclass(frozen=True)
class _Scores:
    """Float64 `[rows]` each."""

    probability: NDArray[np.float64]
    value: NDArray[np.float64]
    profit: NDArray[np.float64]
    cost: NDArray[np.float64]


def _read(spec: SchemaSpec, path: Path) -> _People:
    ids: dict[str, None] = {}
    refused: list[tuple[int, tuple[FieldProblem, ...]]] = []
    parts: list[NDArray[np.float64]] = []
    for block in _blocks(read_customers(path, spec)):
        good: list[dict[str, Scalar]] = []
        for row in block:
            if row.customer is None:
                refused.append((row.number, row.problems))
            elif (name := str(row.customer["customer_id"])) in ids:
                refused.append((row.number, (_TWICE,)))
            else:
                ids[name] = None
                good.append(row.customer)
        columns = {name: [customer[name] for customer in good] for name in spec.names}
        parts.append(read_columns(spec, columns).raw.values)
    values = np.concatenate(parts) if parts else np.empty((0, len(spec.names)))
    return _People(list(ids), RawTable(spec, values), refused)


def _blocks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while block := list(islice(rows, _AT_ONCE)):
        yield block


def _score(scorer: Scorer, raw: RawTable) -> _Scores:
    policy = scorer.bundle.decision
    probability = scorer.probabilities(raw).astype(np.float64)
    values = policy.values(raw)
    profit, cost = policy.expected_profit(probability, values), policy.expected_cost(probability)
    worth = np.full(len(raw), float(policy.typical_value)) if values is None else values
    return _Scores(probability, worth, profit, cost)


def _lines(
    scorer: Scorer,
    people: _People,
    scores: _Scores,
    rows: NDArray[np.int64],
    most: int,
    language: LanguageName,
) -> list[tuple[Any, ...]]:
    chosen = RawTable(people.raw.spec, people.raw.values[rows])
    p = scores.probability[rows]
    unknown: list[float | None] = [None] * len(rows)
    low, high = scorer.intervals(p).round(6).tolist() if scorer.bundle.band else (unknown, unknown)
    columns: tuple[Iterable[Any], ...] = (
        range(1, len(rows) + 1),
        [people.ids[row] for row in rows.tolist()],
        p.round(6).tolist(),
        low,
        high,
        *(money[rows].round(2).tolist() for money in (scores.profit, scores.cost, scores.value)),
        map(scorer.bundle.decision.risk, p.tolist()),
        (" ".join(reason.text for reason in why) for why in scorer.reasons(chosen, most, language)),
    )
    return list(zip(*columns, strict=True))


def _following(scores: _Scores, chosen: Targets) -> tuple[float, float] | tuple[None, None]:
    """Profit and cost of the most profitable customer who was not chosen."""
    left = np.where(scores.profit > 0, scores.profit, -np.inf)
    left[chosen.rows] = -np.inf
    best = int(np.argmax(left))
    if left[best] <= 0:
        return None, None
    return float(scores.profit[best]), float(scores.cost[best])
