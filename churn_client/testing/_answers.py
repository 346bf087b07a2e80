"""Made-up answers: plausible, complete, and the same for the same customer every time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from churn_client._errors import InvalidCustomer
from churn_core.schemas import (
    Action,
    Change,
    ChurnPrediction,
    Customer,
    ModelInfo,
    ModelRef,
    ProbabilityInterval,
    Reason,
)

__all__ = ["MODEL", "model_info", "prediction"]

MODEL = ModelRef(name="fake", version="1", digest="0" * 64)
_REASONS = 3


def prediction(
    customer: Customer, probability: float, threshold: float, asked: Mapping[str, Any], request_id: str
) -> ChurnPrediction:
    """An answer with what was asked for."""
    return ChurnPrediction(
        customer_id=customer.customer_id,
        churn_probability=probability,
        churn_prediction=1 if probability >= threshold else 0,
        churn_risk="HIGH" if probability >= 0.6 else "MEDIUM" if probability >= 0.3 else "LOW",
        threshold=threshold,
        expected_profit=0.0,
        interval=_interval(probability) if asked["interval"] else None,
        reasons=_reasons(customer, probability, asked["language"]) if asked["explain"] else (),
        action=_action(customer, probability, threshold) if asked["action"] else None,
        model=MODEL,
        request_id=request_id,
    )


def model_info(schema: type[Customer], threshold: float) -> ModelInfo:
    """What the service says about the model that it does not have."""
    spec = schema.spec
    return ModelInfo(
        **MODEL.model_dump(),
        schema_name=spec.name,
        schema_version=spec.version,
        schema_fingerprint=spec.fingerprint,
        trainer="none",
        members=(),
        threshold=threshold,
        dataset="none",
        train_rows=0,
        metrics={},
    )


def _interval(probability: float) -> ProbabilityInterval:
    low, high = max(probability - 0.1, 0.0), min(probability + 0.1, 1.0)
    return ProbabilityInterval(low=low, high=high, coverage=0.9)


def _reasons(customer: Customer, probability: float, language: Any) -> tuple[Reason, ...]:
    """The first fields of the schema; all speak for what was predicted."""
    values, reasons = customer.model_dump(), list[Reason]()
    for rank, field in enumerate(type(customer).spec.fields[:_REASONS], start=1):
        wording = field.texts.get(language)
        description = (wording.description if wording else "") or field.description
        effect = (1.0 if probability >= 0.5 else -1.0) / rank
        text = f"{description}: {values[field.name]}."
        reasons.append(Reason(feature=field.name, value=values[field.name], effect=effect, text=text))
    return tuple(reasons)


def _action(customer: Customer, probability: float, threshold: float) -> Action:
    """A move that halves the probability, where the customer is not below the threshold already."""
    move = _move(customer) if probability >= threshold else None
    changes, cost = ((move[0],), move[1]) if move else ((), 0.0)
    after = probability / 2 if move else probability
    return Action(
        changes=changes,
        reaches_threshold=after < threshold,
        churn_probability=after,
        cost=cost,
        expected_profit=0.0,
        text="".join(f"{change.feature}: {change.becomes}" for change in changes) or "No change.",
        note="Made up for a test: it says nothing about what would happen.",
    )


def _move(customer: Customer) -> tuple[Change, float] | None:
    """The last of the schema's moves that leads to a valid customer, and its cost."""
    schema, values = type(customer), customer.model_dump()
    for field in reversed(schema.spec.fields):
        for move in field.moves:
            if move.starts_from(values[field.name]):
                with suppress(InvalidCustomer):
                    schema.parse({**values, field.name: move.to})
                    change = Change(feature=field.name, value=values[field.name], becomes=move.to)
                    return change, move.cost
    return None
