"""Makes drawn customers obey the rules of their schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.errors import SchemaError
from churn_core.schemas import Condition, Implies, SchemaSpec
from churn_core.train.synth.marginals import Column, Marginal

__all__ = ["obey"]

_PASSES = 3
_TRIES = 8


def obey(
    spec: SchemaSpec, columns: dict[str, Column], marginals: Mapping[str, Marginal], rng: np.random.Generator
) -> None:
    """Change `columns` so that every rule holds in every row.

    The field of a rule's `then` is drawn again where it contradicts. Rows that contradict
    themselves after some passes over all rules are replaced by copies of rows that do not.

    Raises:
        SchemaError: No row obeys all rules.
    """
    rules = [rule for rule in spec.rules if isinstance(rule, Implies)]
    for _ in range(_PASSES):
        for rule in rules:
            _mend(spec, rule, columns, marginals, rng)
    valid = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for rule in rules:
        premise, conclusion = _holds(spec, rule.when, columns), _holds(spec, rule.then, columns)
        valid &= premise == conclusion if rule.both_ways else conclusion | ~premise
    if not valid.any():
        raise SchemaError(
            f"no customer of schema {spec.name!r} could be drawn: its rules contradict each other"
        )
    bad, good = np.flatnonzero(~valid), np.flatnonzero(valid)
    source = good[np.floor(rng.random(len(bad)) * len(good)).astype(np.int64)]
    for column in columns.values():
        column[bad] = column[source]


def _mend(
    spec: SchemaSpec,
    rule: Implies,
    columns: dict[str, Column],
    marginals: Mapping[str, Marginal],
    rng: np.random.Generator,
) -> None:
    name = rule.then.field
    premise, conclusion = _holds(spec, rule.when, columns), _holds(spec, rule.then, columns)
    wrong = np.flatnonzero(premise & ~conclusion)
    allowed = np.array(_coded(spec, rule.then), dtype=columns[name].dtype)
    columns[name][wrong] = allowed[np.floor(rng.random(len(wrong)) * len(allowed)).astype(np.int64)]
    if rule.both_ways:
        _leave(np.flatnonzero(conclusion & ~premise), columns[name], allowed, marginals[name], rng)


def _leave(
    wrong: NDArray[np.int64],
    column: Column,
    forbidden: Column,
    spread: Marginal,
    rng: np.random.Generator,
) -> None:
    """Draw the rows of `wrong` again until they hold none of `forbidden`."""
    for _ in range(_TRIES):
        if not len(wrong):
            return
        column[wrong] = spread.draw(rng, len(wrong))
        wrong = wrong[_among(column[wrong], forbidden)]


def _holds(spec: SchemaSpec, condition: Condition, columns: Mapping[str, Column]) -> NDArray[np.bool_]:
    return _among(columns[condition.field], _coded(spec, condition))


def _among(column: Column, values: Any) -> NDArray[np.bool_]:
    return np.logical_or.reduce([column == value for value in values])


def _coded(spec: SchemaSpec, condition: Condition) -> list[Any]:
    """The condition's values as they stand in columns."""
    field = spec.field(condition.field)
    if field.role == "category":
        return [field.values.index(str(value)) for value in condition.values]
    return list(condition.values)
