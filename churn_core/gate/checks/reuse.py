"""How often were these customers asked already?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from churn_core.gate.evidence import Evidence
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas.rules import Frozen

__all__ = ["HoldoutReuse"]

_LEVEL = 0.025  # how often a one-sided test at the end of a 95 % interval is wrong


class HoldoutReuse(Frozen):
    """A hold-out is used up by looking at it.

    Whoever tries many models on the same customers and keeps the best picks up their chance: each
    look may promote a model that is no better with the probability of the test, and many looks
    with nearly their sum. Dividing by the number of looks (Bonferroni) is honest, and says how
    confident a judgement would have to be.

    Attributes:
        warn, fail: With how many models judged on the same customers, this one included.
    """

    warn: Annotated[int, Field(ge=1)] = 20
    fail: Annotated[int, Field(ge=1)] = 200

    @model_validator(mode="after")
    def _ordered(self) -> HoldoutReuse:
        if self.warn > self.fail:
            raise ValueError("warn must not exceed fail")
        return self

    def check(self, evidence: Evidence) -> CheckResult:
        if evidence.looks is None:
            sentence = "Nobody counts how many models were judged on these customers: there is no registry."
            return CheckResult(status="skip", sentence=sentence)
        models = evidence.looks + 1
        lucky, needed = 1 - (1 - _LEVEL) ** models, 1 - 2 * _LEVEL / models
        sentence = f"{models} model{' has' if models == 1 else 's have'} been judged on these customers."
        if models >= self.warn:
            sentence = (
                f"{sentence[:-1]}: with so many tries one that is no better passes by luck with a chance of "
                f"up to {lucky:.0%}, and only intervals of {needed:.2%} would be as sure as 95 % are for "
                "one. Hold out other customers (split.seed, or newer data)."
            )
        return CheckResult(
            status="fail" if models >= self.fail else "warn" if models >= self.warn else "pass",
            sentence=sentence,
            numbers={"models": models, "luck": lucky, "confidence": needed},
            thresholds={"models": Bound(at_most=self.fail - 1)},
        )
