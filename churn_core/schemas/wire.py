"""What travels between service and client: answers and problem documents.

Answers ignore unknown fields, so that an old client understands a newer service.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BatchAnswer",
    "BatchError",
    "ChurnPrediction",
    "ModelRef",
    "Problem",
    "ProblemField",
    "Reason",
    "RiskLevel",
]

RiskLevel = Literal["LOW", "MEDIUM", "HIGH"]


class Answer(BaseModel):
    """Base of all wire models."""

    # `model` is a field of the contract, not a namespace of pydantic's.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class ModelRef(Answer):
    """Which model answered: name, registry version and the SHA-256 digest of its bundle."""

    name: str
    version: str
    digest: str


class Reason(Answer):
    """One field's share in a customer's score.

    `effect` is in log-odds: above 0 the field raises the risk of churn.
    """

    feature: str
    value: bool | int | float | str
    effect: float
    text: str


class ChurnPrediction(Answer):
    """The answer about one customer.

    Attributes:
        churn_probability: Calibrated probability of churn, from 0 to 1.
        churn_prediction: 1 where the probability reaches `threshold`.
        threshold: The probability from which contacting the customer pays.
        expected_profit: Expected profit of contacting this customer, in the currency of the costs.
        reasons: Strongest first; empty where they were not asked for.
    """

    customer_id: str
    churn_probability: float = Field(ge=0, le=1)
    churn_prediction: Literal[0, 1]
    churn_risk: RiskLevel
    threshold: float
    expected_profit: float
    reasons: tuple[Reason, ...] = ()
    model: ModelRef
    request_id: str = ""


class ProblemField(Answer):
    """What is wrong with one field of a request."""

    field: str
    message: str
    allowed: str = ""


class Problem(Answer):
    """An error as `application/problem+json` (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    errors: tuple[ProblemField, ...] = ()


class BatchError(Answer):
    """Why one row of a batch has no prediction; `index` counts from 0."""

    index: int
    errors: tuple[ProblemField, ...]


class BatchAnswer(Answer):
    """Predictions in the order of the request, `None` where `errors` has the row."""

    predictions: tuple[ChurnPrediction | None, ...]
    errors: tuple[BatchError, ...] = ()
    request_id: str = ""
