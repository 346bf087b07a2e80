"""Values for fields that rules bind to each other, so that customers are valid by construction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn_core.schemas import Condition, Implies, SchemaSpec

__all__ = ["OTHER", "Choices", "mentioned_values"]

OTHER = object()
"""Stands for any allowed value that no rule mentions."""


def mentioned_values(spec: SchemaSpec, name: str) -> frozenset[Any]:
    """The values of a field that rules speak of."""
    return frozenset(v for c in _conditions(spec) if c.field == name for v in c.values)


class Choices:
    """Chooses values one field at a time, never into a dead end.

    A field's options are the values that rules mention, and `OTHER` if it has more.

    Attributes:
        names: Fields that rules bind and that are not yet chosen.
        chosen: What was chosen so far.
    """

    def __init__(self, spec: SchemaSpec, fixed: Mapping[str, Any]) -> None:
        self._rules = [rule for rule in spec.rules if isinstance(rule, Implies)]
        bound = {condition.field for condition in _conditions(spec)}
        self._options = {name: _options(spec, name) for name in spec.names if name in bound}
        self.chosen: dict[str, Any] = {name: fixed[name] for name in fixed if name in bound}
        self.names = [name for name in self._options if name not in self.chosen]

    def choose(self, name: str, option: Any) -> None:
        self.chosen[name] = option

    def possible(self, name: str) -> list[Any]:
        """The options that leave a way to choose all other fields."""
        return [option for option in self._options[name] if self._solvable({**self.chosen, name: option})]

    def _solvable(self, chosen: Mapping[str, Any]) -> bool:
        if not all(self._kept(rule, chosen) for rule in self._rules):
            return False
        name = next((name for name in self._options if name not in chosen), None)
        return name is None or any(self._solvable({**chosen, name: o}) for o in self._options[name])

    @staticmethod
    def _kept(rule: Implies, chosen: Mapping[str, Any]) -> bool:
        """A rule is kept as long as one of its fields is open."""
        return rule.when.field not in chosen or rule.then.field not in chosen or rule.holds(chosen)


def _conditions(spec: SchemaSpec) -> list[Condition]:
    rules = [rule for rule in spec.rules if isinstance(rule, Implies)]
    return [condition for rule in rules for condition in (rule.when, rule.then)]


def _options(spec: SchemaSpec, name: str) -> list[Any]:
    field, mentioned = spec.field(name), mentioned_values(spec, name)
    if field.role == "flag":
        return [False, True]
    if field.role == "category":
        return list(field.values)
    return [*sorted(mentioned), OTHER]
