"""Does the candidate take every customer that the champion takes?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from churn_core.gate.evidence import Evidence
from churn_core.gate.verdict import CheckResult
from churn_core.schemas import FieldSpec, Implies, SchemaSpec
from churn_core.schemas.rules import Frozen

__all__ = ["SchemaCompatible"]


class SchemaCompatible(Frozen):
    """A client of the champion can send the same requests to the candidate.

    Fields stay as they are; vocabularies and ranges may widen, never narrow; no field and no
    rule across fields may be added, for each would refuse customers that are valid today.
    """

    def check(self, evidence: Evidence) -> CheckResult:
        if evidence.champion is None:
            return CheckResult(status="pass", sentence="There is no champion yet that clients rely on.")
        if evidence.champion.manifest is None:
            sentence = f"The champion's schema cannot be read: {evidence.champion.problem}."
            return CheckResult(status="fail", sentence=sentence)
        old, new = evidence.champion.manifest.schema_spec, evidence.manifest.schema_spec
        problems = tuple(_problems(old, new))
        if problems:
            sentence = f"Clients of the champion would be refused: {'; '.join(problems)}."
            return CheckResult(status="fail", sentence=sentence, details=problems)
        widened = tuple(_widened(old, new))
        sentence = "Every customer that the champion takes is taken by the candidate" + (
            ", which takes more." if widened else "."
        )
        return CheckResult(status="pass", sentence=sentence, details=widened)


def _problems(old: SchemaSpec, new: SchemaSpec) -> Iterator[str]:
    if old.name != new.name:
        yield (
            f"the schema is {new.name!r} instead of {old.name!r}: another product needs a registered model "
            "of its own (mlflow.model in params.yaml)"
        )
        return
    for name in sorted(set(old.names) - set(new.names)):
        yield f"field {name!r} is no longer known"
    for name in sorted(set(new.names) - set(old.names)):
        yield f"field {name!r} is new and required"
    for field in new.fields:
        if field.name in old.positions:
            yield from _narrowed(old.field(field.name), field)
    for rule in new.rules:
        if isinstance(rule, Implies) and rule not in old.rules:
            yield f"the rule {str(rule)!r} is new"


def _narrowed(old: FieldSpec, new: FieldSpec) -> Iterator[str]:
    if old.role != new.role:
        yield f"field {new.name!r} is a {new.role} instead of a {old.role}"
    elif old.role == "category":
        lost = [repr(value) for value in old.values if value not in new.values]
        if lost:
            yield f"field {new.name!r} no longer takes {', '.join(lost)}"
    elif old.role == "numeric" and _less(old, new):
        yield f"field {new.name!r} takes {new.allowed} instead of {old.allowed}"


def _less(old: FieldSpec, new: FieldSpec) -> bool:
    (old_low, old_high), (new_low, new_high) = _range(old), _range(new)
    return new_low > old_low or new_high < old_high or (new.integer and not old.integer)


def _range(field: FieldSpec) -> tuple[float, float]:
    return -math.inf if field.ge is None else field.ge, math.inf if field.le is None else field.le


def _widened(old: SchemaSpec, new: SchemaSpec) -> Iterator[str]:
    for field in new.fields:
        if field.allowed != old.field(field.name).allowed:
            yield f"field {field.name!r} now takes {field.allowed}"
