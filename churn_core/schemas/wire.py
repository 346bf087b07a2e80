"""What travels between service and client: answers and problem documents.

Answers ignore unknown fields, and take words that a vocabulary does not have yet, so that an old client
understands a newer service.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WrapValidator

from churn_core.schemas.export import json_schema
from churn_core.schemas.rules import Scalar, added
from churn_core.schemas.spec import SchemaSpec
from churn_core.schemas.tolerant import OrNewer, without_news

__all__ = [
    "Action",
    "BatchAnswer",
    "BatchError",
    "Change",
    "ChurnPrediction",
    "Metric",
    "ModelInfo",
    "ModelRef",
    "Problem",
    "ProbabilityInterval",
    "ProblemField",
    "Reason",
    "RiskLevel",
    "SchemaInfo",
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


class Metric(Answer):
    """A measure of quality with its 95 % interval."""

    value: float
    low: float
    high: float


class ModelInfo(ModelRef):
    """What a service tells about the model that answers.

    Attributes:
        members: The models that it averages.
        metrics: Out-of-fold estimates on the training data.
        source: Which copy of it answers, such as `registry` or `last-known-good`.
    """

    schema_name: str
    schema_version: int
    schema_fingerprint: str
    trainer: str
    members: tuple[str, ...]
    threshold: float
    dataset: str
    train_rows: int
    metrics: dict[str, Metric]
    source: str = added("")


class SchemaInfo(Answer):
    """The customers that a service answers.

    Attributes:
        spec: The schema as data; `churn_core.schemas.customer_class` makes a class of it. What a newer
            service says in it that this version does not know is left out.
        json_schema: The same as JSON Schema, for clients in other languages.
    """

    name: str
    version: int
    fingerprint: str
    example: dict[str, Scalar]
    spec: Annotated[SchemaSpec, WrapValidator(without_news)]
    json_schema: dict[str, Any]

    @classmethod
    def of(cls, spec: SchemaSpec) -> SchemaInfo:
        """What a service says of a schema."""
        return cls(
            name=spec.name,
            version=spec.version,
            fingerprint=spec.fingerprint,
            example=spec.example(),
            spec=spec,
            json_schema=json_schema(spec),
        )


class Reason(Answer):
    """One field's share in a customer's score.

    `effect` is in log-odds: above 0 the field raises the risk of churn.
    """

    feature: str
    value: bool | int | float | str
    effect: float
    text: str


class ProbabilityInterval(Answer):
    """Bounds of the churn rate among customers who score like this one.

    Attributes:
        coverage: For what share of customers the bounds are to hold that rate.
    """

    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    coverage: float = Field(gt=0, lt=1)


class Change(Answer):
    """One field of a customer, as it is and as it could be."""

    feature: str
    value: bool | int | float | str
    becomes: bool | int | float | str


class Action(Answer):
    """The cheapest change of what a customer has that the model expects to keep him.

    It says what the model makes of customers like the changed one. That is an association in past
    data, not proof that the change would cause it; `note` says so wherever an action is shown.

    Attributes:
        changes: What would change, all at once; empty where nothing has to, or no allowed change helps.
        reaches_threshold: Whether the customer is then below the threshold.
        churn_probability: Of the customer so changed.
        cost: What the change costs where it is taken, in the currency of the costs.
        expected_profit: Of proposing it, in the currency of the costs.
        text: The change in words.
        note: What this is, and what it is not.
    """

    changes: tuple[Change, ...]
    reaches_threshold: bool
    churn_probability: float = Field(ge=0, le=1)
    cost: float = Field(ge=0)
    expected_profit: float
    text: str
    note: str


class ChurnPrediction(Answer):
    """The answer about one customer.

    Attributes:
        churn_probability: Calibrated probability of churn, from 0 to 1.
        churn_prediction: 1 where the probability reaches `threshold`.
        churn_risk: The probability in a word; a newer service may have further ones.
        threshold: The probability from which contacting this customer pays: each has his own where
            customers are worth different sums. 1 where it never pays.
        expected_profit: Expected profit of contacting this customer, in the currency of the costs.
        interval: How sure the probability is; `None` where it was not asked for.
        reasons: Strongest first; empty where they were not asked for.
        action: What could keep this customer; `None` where it was not asked for.
    """

    customer_id: str
    churn_probability: float = Field(ge=0, le=1)
    churn_prediction: Literal[0, 1]
    churn_risk: Annotated[RiskLevel, OrNewer()]
    threshold: float
    expected_profit: float
    interval: ProbabilityInterval | None = added(None)
    reasons: tuple[Reason, ...] = ()
    action: Action | None = added(None)
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
