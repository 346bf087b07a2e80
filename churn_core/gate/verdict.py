"""What a gate answers: one result for each check, sealed by a digest.

A verdict has no time and no place in it: the same bundles, data and policy give the same
verdict with the same digest.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from churn_core.bundle.manifest import canonical_json
from churn_core.errors import GateRefused
from churn_core.params import GateParams
from churn_core.schemas.rules import Frozen, added

__all__ = [
    "FORMAT",
    "Bound",
    "CheckResult",
    "Estimate",
    "Status",
    "Verdict",
    "policy_digest",
    "read_verdict",
]

FORMAT = 1
Status = Literal["pass", "fail", "warn", "skip"]
Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


class Bound(Frozen):
    """What a number has to keep to."""

    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    def __str__(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        return f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"


class Estimate(Frozen):
    """A number with the interval that its sample leaves open."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class CheckResult(Frozen):
    """The answer of one check.

    Attributes:
        status: `fail` refuses the candidate; `warn` lets it pass and says why to look again;
            `skip` says that there was nothing to ask.
        sentence: The answer for a reader who knows the business, not statistics.
        name: The check's name in the policy; the gate fills it in.
        numbers: What was counted or computed.
        intervals: What was estimated, by metric.
        thresholds: What numbers and estimates were held against, by the same names.
        details: Further findings, one a line.
    """

    status: Status
    sentence: str
    name: str = ""
    numbers: dict[str, FiniteFloat] = {}
    intervals: dict[str, Estimate] = {}
    thresholds: dict[str, Bound] = {}
    details: tuple[str, ...] = ()


class Verdict(Frozen):
    """Whether a candidate may go into production, and why.

    Attributes:
        candidate: Digest of the candidate's bundle; empty if it could not be read.
        champion: Digest of the champion's bundle; empty without a champion.
        policy: Digest of the gate's parameters.
        data: Digest of the customers and outcomes.
        training: The same of the customers to fit on; empty where they were not looked at.
        rows: Number of customers.
        digest: SHA-256 of this verdict with an empty digest.
    """

    format: Literal[1] = FORMAT
    passed: bool
    candidate: Digest
    champion: Digest
    policy: Digest
    data: Digest
    training: Digest = added("")
    rows: int
    results: tuple[CheckResult, ...]
    digest: Digest = ""

    @model_validator(mode="after")
    def _consistent(self) -> Verdict:
        if self.passed != _passes(self.results):
            raise ValueError("passed contradicts the results")
        return self

    @staticmethod
    def of(
        candidate: str,
        champion: str,
        policy: str,
        data: str,
        rows: int,
        results: tuple[CheckResult, ...],
        training: str = "",
    ) -> Verdict:
        """The verdict that follows from `results`, sealed."""
        verdict = Verdict(
            passed=_passes(results),
            candidate=candidate,
            champion=champion,
            policy=policy,
            data=data,
            training=training,
            rows=rows,
            results=results,
        )
        return verdict.model_copy(update={"digest": verdict.content_digest()})

    def content_digest(self) -> str:
        """What `digest` must be."""
        return hashlib.sha256(self.model_copy(update={"digest": ""}).to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The verdict as JSON; equal verdicts have equal bytes."""
        return canonical_json(self.model_dump(mode="json"))

    def failures(self) -> tuple[CheckResult, ...]:
        """The results that refuse the candidate."""
        return tuple(result for result in self.results if result.status == "fail")


def read_verdict(data: bytes) -> Verdict:
    """Read a verdict and verify its digest.

    Raises:
        GateRefused: It is not a verdict, or was changed after it was given.
    """
    try:
        verdict = Verdict.model_validate_json(data)
    except ValidationError:
        raise GateRefused(f"this is not a verdict of format {FORMAT}") from None
    if verdict.digest != verdict.content_digest():
        raise GateRefused("the verdict was changed after it was given: its digest does not fit")
    return verdict


def policy_digest(policy: GateParams) -> str:
    """SHA-256 of a gate's parameters."""
    return hashlib.sha256(canonical_json(policy.model_dump(mode="json"))).hexdigest()


def _passes(results: tuple[CheckResult, ...]) -> bool:
    """Something was asked and answered, and nothing refuses."""
    statuses = {result.status for result in results}
    return "fail" not in statuses and bool(statuses & {"pass", "warn"})
