"""Did the model learn its training customers by heart?"""

from __future__ import annotations

import math

from pydantic import field_validator

from churn_core.gate.evidence import Evidence
from churn_core.gate.inference import Normal
from churn_core.gate.measured import MEASURED, measured, recorded
from churn_core.gate.metrics import METRICS
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["Overfit"]

_Z, _SURE = 1.96, 2.58  # standard errors of 95 % and of 99 %


class Overfit(Frozen):
    """The gap between training customers and held-out ones, and whether training knew of it.

    A model may fit its training customers better than others: a forest of full trees does, and is
    none the worse for it. What is not allowed is that the estimates made in training, out of
    fold, confidently promised more than the hold-out keeps.

    Attributes:
        gaps: For ROC AUC, log loss or Brier score, how much better the model may confidently be on
            its training customers.
    """

    gaps: dict[str, float] = {"roc_auc": 0.05, "log_loss": 0.05}

    @field_validator("gaps")
    @classmethod
    def _known(cls, gaps: dict[str, float]) -> dict[str, float]:
        for name, gap in gaps.items():
            if name not in MEASURED:
                raise ValueError(f"metric {name!r} has no gap; metrics: {', '.join(MEASURED)}")
            if not 0 <= gap < math.inf:
                raise ValueError(f"{name}: a gap must be 0 or more")
        if not gaps:
            raise ValueError("name at least one metric")
        return gaps

    def check(self, evidence: Evidence) -> CheckResult:
        training, inside = evidence.training, evidence.training_probabilities
        expected = {name: evidence.manifest.metrics.get(name) for name in self.gaps}
        known = {name: one for name, one in expected.items() if one is not None}
        if training is None or inside is None or not known:
            what = "training customers are not at hand" if known else "bundle carries no estimates"
            return CheckResult(status="skip", sentence=f"Overfitting cannot be told: the {what}.")
        gaps: dict[str, Estimate] = {}
        broken: dict[str, Estimate] = {}
        for name, promised in known.items():
            held = measured(name, evidence.labels, evidence.probabilities)
            gaps[name] = _better(name, measured(name, training.labels, inside), held, _Z)
            broken[name] = _better(name, recorded(promised), held, _SURE)
        return self._result(gaps, broken)

    def _result(self, gaps: dict[str, Estimate], broken: dict[str, Estimate]) -> CheckResult:
        learned = [name for name, gap in gaps.items() if gap.low > self.gaps[name]]
        missed = [name for name, one in broken.items() if one.low > 0]
        texts = [self._spoken(name, gaps[name], broken[name]) for name in gaps]
        if learned and missed:
            status, start = "fail", "The model learned its training customers by heart"
        elif missed:
            status, start = "warn", "The model keeps less than training promised"
        elif learned:
            status, start = "pass", "The model knows its training customers well, and keeps what it promised"
        else:
            status, start = "pass", "The model is as good on customers it has not seen as training promised"
        first = (*missed, *learned, *gaps)[0]
        return CheckResult(
            status=status,
            sentence=f"{start}: {self._spoken(first, gaps[first], broken[first])}.",
            intervals={
                **{f"{name}:training": one for name, one in gaps.items()},
                **{f"{name}:promised": one for name, one in broken.items()},
            },
            thresholds={f"{name}:training": Bound(at_most=self.gaps[name]) for name in gaps},
            details=tuple(texts),
        )

    def _spoken(self, name: str, gap: Estimate, promised: Estimate) -> str:
        return (
            f"{METRICS[name].title} is {_by(gap.value)} on training customers "
            f"({self.gaps[name]:g} allowed), and out of fold it was {_by(promised.value)}, "
            f"{promised.low:+.3f} to {promised.high:+.3f}"
        )


def _by(difference: float) -> str:
    return f"{abs(difference):.3f} {'better' if difference >= 0 else 'worse'}"


def _better(name: str, one: Normal, other: Normal, z: float) -> Estimate:
    """By how much the first of two independent measurements is better."""
    sign = 1.0 if METRICS[name].higher_is_better else -1.0
    value, half = sign * (one.value - other.value), z * math.hypot(one.error, other.error)
    return Estimate(value=value, low=value - half, high=value + half)
