"""What Acme asks of a model before it goes into production."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from churn_core.gate import Bound, CheckResult, Evidence


class CallCentre(BaseModel):
    """The model must not ask for more calls than the call centre can make.

    Attributes:
        at_most: Largest share of customers that can be called.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    at_most: float = Field(0.5, gt=0, le=1)

    def check(self, evidence: Evidence) -> CheckResult:
        threshold = evidence.manifest.decision.threshold
        share = float((evidence.probabilities >= threshold).mean())
        return CheckResult(
            status="pass" if share <= self.at_most else "fail",
            sentence=f"{share:.0%} of customers would have to be called; {self.at_most:.0%} are possible.",
            numbers={"share": share},
            thresholds={"share": Bound(at_most=self.at_most)},
        )
