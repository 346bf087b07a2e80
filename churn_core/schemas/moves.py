"""What a company can offer to change, and what that costs it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from churn_core.schemas.rules import Frozen, Scalar

__all__ = ["Move", "MoveCosts", "value_name"]


class Move(Frozen):
    """A change of a flag or category that the company can offer a customer.

    Attributes:
        to: The value that the field then has.
        origins: From which values; empty for every other one.
        cost: What the change costs the company for a customer who accepts, in the currency of the
            costs. `costs.moves` in `params.yaml` wins.
    """

    to: Scalar
    origins: tuple[Scalar, ...] = ()
    cost: float = 0.0

    def starts_from(self, value: Scalar) -> bool:
        """Whether a customer with this value can make the move."""
        return value != self.to and (not self.origins or value in self.origins)

    def __str__(self) -> str:
        origins = " or ".join(map(value_name, self.origins)) or "any other"
        return f"{value_name(self.to)} from {origins}, at {self.cost:g}"


def value_name(value: Scalar) -> str:
    """A value as the key of a mapping: texts of a schema and costs of moves are by such keys."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_key(key: object) -> object:
    """YAML reads a bare true or 1 as no text."""
    return value_name(key) if isinstance(key, bool | int) else key


MoveCosts = dict[str, dict[Annotated[str, BeforeValidator(_as_key)], Annotated[float, Field(ge=0)] | None]]
"""By field and the value moved to, what moves cost; `None` for one that is not on offer."""
