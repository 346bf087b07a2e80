"""Does the candidate take every customer that the champion takes?"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from churn_core.bundle.manifest import canonical_json
from churn_core.errors import InvalidCustomer
from churn_core.features import RawReader
from churn_core.gate.corners import corners
from churn_core.gate.evidence import Evidence
from churn_core.gate.requests import read_requests
from churn_core.gate.verdict import CheckResult
from churn_core.schemas import Customer, FieldSpec, Implies, SchemaSpec, customer_class
from churn_core.schemas.rules import Frozen

__all__ = ["SchemaCompatible"]

_Request = tuple[str, dict[str, Any]]


class SchemaCompatible(Frozen):
    """A client of the champion can send the same requests to the candidate, and is answered.

    Fields stay as they are; vocabularies and ranges may widen, never narrow; no field and no
    rule across fields may be added, for each would refuse customers that are valid today. Then
    the candidate is tried: customers at the ends of all that may be sent, and recorded requests,
    have to be answered with a probability.

    Attributes:
        requests: A file of recorded requests, JSON lines; relative to the folder where the gate
            runs. Those that the champion refuses too do not count.
    """

    requests: str = ""

    def check(self, evidence: Evidence) -> CheckResult:
        sent = read_requests(Path(self.requests)) if self.requests else ()
        old = new = evidence.manifest.schema_spec
        if evidence.champion is not None:
            if evidence.champion.manifest is None:
                sentence = f"The champion's schema cannot be read: {evidence.champion.problem}."
                return CheckResult(status="fail", sentence=sentence)
            old = evidence.champion.manifest.schema_spec
        problems = tuple(_problems(old, new))
        tried = tuple(_tried(evidence, old, sent)) if not problems else ()
        problems = problems or tuple(_refusals(evidence, tried))
        widened = tuple(_widened(old, new)) if not problems else ()
        origin = (f"{len(sent)} recorded requests, SHA-256 {_digest(sent)}",) if sent else ()
        return CheckResult(
            status="fail" if problems else "pass",
            sentence=_sentence(problems, widened, first=evidence.champion is None),
            numbers={"tried": len(tried)},
            details=(*problems, *widened, *origin),
        )


def _digest(sent: tuple[dict[str, Any], ...]) -> str:
    return hashlib.sha256(canonical_json(sent)).hexdigest()


def _sentence(problems: tuple[str, ...], widened: tuple[str, ...], *, first: bool) -> str:
    if problems:
        return f"Clients would be refused: {'; '.join(problems)}."
    if first:
        return "There is no champion yet that clients rely on; every valid customer is answered."
    more = ", which takes more" if widened else ""
    return f"Every customer that the champion takes is taken by the candidate{more}."


def _tried(evidence: Evidence, old: SchemaSpec, sent: tuple[dict[str, Any], ...]) -> Iterator[_Request]:
    yield from (
        (f"a customer at the end of what is allowed ({n})", one) for n, one in enumerate(corners(old))
    )
    takes = customer_class(old)
    for number, customer in enumerate(sent, start=1):
        if evidence.champion is None or _is_taken(takes, customer):
            yield f"recorded request {number}", customer


def _is_taken(takes: type[Customer], customer: dict[str, Any]) -> bool:
    try:
        takes.parse(customer)
    except InvalidCustomer:
        return False
    return True


def _refusals(evidence: Evidence, tried: tuple[_Request, ...]) -> Iterator[str]:
    scorer = evidence.candidate.opened("the candidate")
    valid: list[tuple[str, Customer]] = []
    for name, customer in tried:
        try:
            valid.append((name, scorer.customer_class.parse(customer)))
        except InvalidCustomer as error:
            fields = ", ".join(problem.field for problem in error.problems)
            yield f"{name} is refused because of: {fields}"
    answers = scorer.probabilities(RawReader(scorer.bundle.schema_spec).read(one for _, one in valid))
    for (name, _), answer in zip(valid, answers.tolist(), strict=True):
        if not 0 <= answer <= 1:
            yield f"{name} is answered with no probability"


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
