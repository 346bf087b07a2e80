"""Is the model good enough, whatever else there is?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import ConfigDict, FiniteFloat, RootModel, model_validator

from churn_core.bundle.manifest import Interval
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.evidence import Evidence
from churn_core.gate.metrics import METRICS, Metric, decision_metrics
from churn_core.gate.verdict import Bound, CheckResult, Estimate, Status

__all__ = ["Floors"]

_Range = tuple[FiniteFloat, FiniteFloat]
_AT_THRESHOLD = ("accuracy", "precision", "recall", "f1", "profit")


class Floors(RootModel[dict[str, FiniteFloat | _Range]]):
    """Bounds on metrics, each an option of the metric's name.

    A single number bounds the end of the 95 % interval that is worse: `roc_auc: 0.8` asks
    that the model is at least that good with confidence, `log_loss: 0.45` that it is no worse.
    A pair such as `calibration_slope: [0.8, 1.25]` is a tolerance: the check fails when the
    interval lies outside, and warns when only the value does. Without options, `DEFAULT` holds.
    """

    model_config = ConfigDict(frozen=True)
    root: dict[str, FiniteFloat | _Range] = {}

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = {**METRICS, **dict.fromkeys(_AT_THRESHOLD)}
        for name, bound in self.root.items():
            if name not in known:
                raise ValueError(f"there is no metric {name!r}; metrics: {', '.join(known)}")
            metric = known[name]
            if isinstance(bound, tuple):
                if bound[0] > bound[1]:
                    raise ValueError(f"{name}: the lower bound must not exceed the upper")
            elif metric is not None and metric.higher_is_better is None:
                raise ValueError(f"{name} is best at {metric.target:g}: give the two ends of a range")
        return self

    def check(self, evidence: Evidence) -> CheckResult:
        bounds = self.root or DEFAULT
        policy = evidence.manifest.decision
        available = {**METRICS, **decision_metrics(policy)}
        metrics = {name: available[name] for name in bounds}
        values = policy.values(evidence.raw)
        found = bootstrap(evidence.labels, evidence.probabilities, metrics, values=values)
        judged = [_judge(metrics[name], found[name], bound) for name, bound in bounds.items()]
        finite = {name: interval for name, interval in found.items() if _is_finite(interval)}
        return CheckResult(
            status=_worst([status for status, _ in judged]),
            sentence=_sentence(judged),
            intervals={name: Estimate(**interval.model_dump()) for name, interval in finite.items()},
            thresholds={name: _bound(metrics[name], bound) for name, bound in bounds.items()},
            details=tuple(text for _, text in judged),
        )


DEFAULT: dict[str, FiniteFloat | _Range] = {"roc_auc": 0.6, "calibration_slope": (0.7, 1.4)}


def _judge(metric: Metric, found: Interval, bound: float | _Range) -> tuple[Status, str]:
    asked = _bound(metric, bound)
    if not _is_finite(found):
        return "fail", f"{metric.title} is not defined on these customers ({asked} asked)"
    if isinstance(bound, tuple):
        return _judge_range(metric, found, bound)
    good = found.low >= bound if metric.higher_is_better else found.high <= bound
    worst = f"at least {found.low:.3f}" if metric.higher_is_better else f"at most {found.high:.3f}"
    text = f"{metric.title} is {found.value:.3f}, with 95 % confidence {worst} ({asked} asked)"
    return ("pass" if good else "fail"), text


def _judge_range(metric: Metric, found: Interval, bound: _Range) -> tuple[Status, str]:
    low, high = bound
    text = (
        f"{metric.title} is {found.value:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f} "
        f"({low:g} to {high:g} asked)"
    )
    if found.high < low or found.low > high:
        return "fail", text
    return ("pass" if low <= found.value <= high else "warn"), text


def _bound(metric: Metric, bound: float | _Range) -> Bound:
    if isinstance(bound, tuple):
        return Bound(at_least=bound[0], at_most=bound[1])
    return Bound(at_least=bound) if metric.higher_is_better else Bound(at_most=bound)


def _worst(statuses: list[Status]) -> Status:
    if "fail" in statuses:
        return "fail"
    return "warn" if "warn" in statuses else "pass"


def _sentence(judged: list[tuple[Status, str]]) -> str:
    missed = list(_texts(judged, "fail"))
    if missed:
        return f"{len(missed)} of {len(judged)} floors are missed: {'; '.join(missed)}."
    doubtful = list(_texts(judged, "warn"))
    if doubtful:
        return f"No floor is missed for certain, but look at this: {'; '.join(doubtful)}."
    kept = "The floor is met" if len(judged) == 1 else f"All {len(judged)} floors are met"
    return f"{kept}: {judged[0][1]}."


def _texts(judged: list[tuple[Status, str]], wanted: Status) -> Iterator[str]:
    return (text for status, text in judged if status == wanted)


def _is_finite(interval: Interval) -> bool:
    return bool(np.isfinite([interval.value, interval.low, interval.high]).all())
