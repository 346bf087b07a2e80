"""What any sensible model of a schema's customers does when one of their fields is changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from churn_core.schemas.moves import value_name
from churn_core.schemas.rules import Frozen, Scalar

__all__ = ["Expectation", "Invariant", "Monotone"]

_Share = Annotated[float, Field(ge=0, lt=1)]


class _Expected(Frozen):
    """What both kinds share.

    Attributes:
        field: The field that is changed, and nothing else.
        values: Of a category or flag, the values to go through, in order.
        step: By how much a number is raised.
        share: Share of customers for whom the probability may confidently do otherwise.
        size: How far it may do so without being counted.
        severity: What the gate says of a model that does otherwise.
    """

    field: str
    values: tuple[Scalar, ...] = ()
    step: float = Field(default=0.0, ge=0)
    share: _Share = 0.05
    size: _Share = 0.05
    severity: Literal["fail", "warn"] = "fail"

    @property
    def change(self) -> str:
        """The change in words."""
        if self.values:
            return f"{self.field} goes from {' to '.join(map(value_name, self.values))}"
        return f"{self.field} rises by {self.step:g}"


class Monotone(_Expected):
    """The probability of churn only falls, or only rises, with the field.

    It has to hold on average as well: `share` excuses customers, not a trend beyond `size`.
    """

    kind: Literal["monotone"] = "monotone"
    risk: Literal["falls", "rises"]

    def __str__(self) -> str:
        return f"the risk {self.risk} when {self.change}"


class Invariant(_Expected):
    """The probability of churn hardly depends on the field."""

    kind: Literal["invariant"] = "invariant"

    def __str__(self) -> str:
        return f"the risk stays when {self.change}"


Expectation = Annotated[Monotone | Invariant, Field(discriminator="kind")]
