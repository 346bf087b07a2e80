"""Rules across the fields of a customer, as data.

Rules are data rather than code so that the same rule validates one customer on the wire,
a million rows in a batch, draws valid synthetic customers, and travels inside a bundle to
services that do not have the schema's package installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

__all__ = ["BlankMeans", "Condition", "Frozen", "Implies", "Scalar", "added", "broken_rules", "rule_checker"]

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


class Frozen(BaseModel):
    """Base of all settings and records: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def added(default: Any, **constraints: Any) -> Any:
    """A field of a record that got it after files of it were written.

    It is left out of what is written where it holds its default, so that older files keep their
    bytes, and with them their digests.
    """
    return Field(default=default, exclude_if=lambda value: value == default, **constraints)


class Condition(Frozen):
    """`field` holds one of `values`."""

    field: str
    values: tuple[Scalar, ...]

    def holds(self, row: Mapping[str, Any]) -> bool:
        return row[self.field] in self.values

    def __str__(self) -> str:
        return f"{self.field} is {' or '.join(map(_spoken, self.values))}"


class Implies(Frozen):
    """Where `when` holds, `then` holds too; with `both_ways`, also the reverse."""

    kind: Literal["implies"] = "implies"
    when: Condition
    then: Condition
    both_ways: bool = False

    def holds(self, row: Mapping[str, Any]) -> bool:
        premise, conclusion = self.when.holds(row), self.then.holds(row)
        return premise == conclusion if self.both_ways else conclusion or not premise

    def __str__(self) -> str:
        return f"{self.then} {'exactly where' if self.both_ways else 'where'} {self.when}"


class BlankMeans(Frozen):
    """In files, a blank `field` stands for `value` where `when` holds.

    On the wire a blank stays an error: a client says what it means.
    """

    kind: Literal["blank_means"] = "blank_means"
    field: str
    value: Scalar
    when: Condition

    def __str__(self) -> str:
        return f"in files, a blank {self.field} means {_spoken(self.value)} where {self.when}"


def broken_rules(rules: Iterable[Implies | BlankMeans], row: Mapping[str, Any]) -> list[Implies]:
    """The rules that a complete row of canonical values breaks."""
    return [rule for rule in rules if isinstance(rule, Implies) and not rule.holds(row)]


def rule_checker(rules: Iterable[Implies | BlankMeans]) -> Callable[[Mapping[str, Any]], bool]:
    """A fast test of whether a complete row of canonical values keeps all rules."""
    compiled = [
        (
            rule.when.field,
            frozenset(rule.when.values),
            rule.then.field,
            frozenset(rule.then.values),
            rule.both_ways,
        )
        for rule in rules
        if isinstance(rule, Implies)
    ]

    def keeps(row: Mapping[str, Any]) -> bool:
        for when, premises, then, conclusions, both_ways in compiled:
            if row[then] in conclusions:
                if both_ways and row[when] not in premises:
                    return False
            elif row[when] in premises:
                return False
        return True

    return keeps


def _spoken(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
