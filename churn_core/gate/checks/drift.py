"""Are held-out customers still those that the model was fitted on?"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from churn_core.gate.evidence import Evidence
from churn_core.gate.inference import holm
from churn_core.gate.tails import chi_square_tail, kolmogorov_tail
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas import FieldSpec
from churn_core.schemas.rules import Frozen

__all__ = ["Drift"]

Floats = NDArray[np.float64]
_Bound = Annotated[float, Field(gt=0, le=10)]
_BINS, _HALF = 10, 0.5
_LABEL = "the churn rate"


class _Shift(NamedTuple):
    """One distribution on both sides.

    Attributes:
        size: Population stability index less what chance alone would show, 0 or more; of the
            churn rate the difference.
        p: That chance alone shows as much.
    """

    size: float
    p: float


class Drift(Frozen):
    """Field by field, training customers against held-out ones.

    A shift counts if it is confident, over all fields together, and large: with many customers
    every trifle is confident, with few any number is large.

    Attributes:
        warn, fail: Population stability index, less what chance shows on so many customers.
        rate_warn, rate_fail: Difference of the churn rates.
        alpha: Chance that anything is reported where nothing shifted.
    """

    warn: _Bound = 0.1
    fail: _Bound = 0.25
    rate_warn: Annotated[float, Field(gt=0, lt=1)] = 0.03
    rate_fail: Annotated[float, Field(gt=0, lt=1)] = 0.1
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.01

    @model_validator(mode="after")
    def _ordered(self) -> Drift:
        if self.warn > self.fail or self.rate_warn > self.rate_fail:
            raise ValueError("a warning must not need more than a failure")
        return self

    def check(self, evidence: Evidence) -> CheckResult:
        training, old = evidence.training, evidence.training_raw
        if training is None or old is None:
            sentence = "Drift cannot be told: the training customers are not at hand."
            return CheckResult(status="skip", sentence=sentence)
        new = evidence.raw.values
        shifts = {
            field.name: _shift(field, old.values[:, index], new[:, index])
            for index, field in enumerate(evidence.raw.spec.fields)
        }
        shifts[_LABEL] = _rate_shift(training.labels, evidence.labels)
        sure = holm([shift.p for shift in shifts.values()], self.alpha)
        judged = {
            name: status
            for (name, shift), is_sure in zip(shifts.items(), sure, strict=True)
            if is_sure and (status := self._judge(name, shift.size))
        }
        failed = [name for name, status in judged.items() if status == "fail"]
        worst = (failed or list(judged) or [max(shifts, key=lambda each: shifts[each].size)])[0]
        return CheckResult(
            status="fail" if failed else "warn" if judged else "pass",
            sentence=self._sentence(worst, shifts[worst].size, len(judged)),
            numbers={name.removeprefix("the ").replace(" ", "_"): one.size for name, one in shifts.items()},
            thresholds={
                "churn_rate": Bound(at_most=self.rate_fail),
                **{name: Bound(at_most=self.fail) for name in judged if name != _LABEL},
            },
            details=tuple(f"{name} {_spoken(name, shifts[name].size)}" for name in judged),
        )

    def _judge(self, name: str, size: float) -> Literal["fail", "warn"] | None:
        warn, fail = (self.rate_warn, self.rate_fail) if name == _LABEL else (self.warn, self.fail)
        return "fail" if size > fail else "warn" if size > warn else None

    def _sentence(self, name: str, size: float, shifted: int) -> str:
        spoken = f"{name if name == _LABEL else repr(name)} {_spoken(name, size)}"
        if shifted:
            return f"The held-out customers are not like the training customers: {spoken}."
        return f"The held-out customers are like the training customers; the largest shift: {spoken}."


def _spoken(name: str, size: float) -> str:
    return f"differs by {size:.1%}" if name == _LABEL else f"has a stability index of {size:.3f}"


def _shift(field: FieldSpec, old: Floats, new: Floats) -> _Shift:
    numeric = field.role == "numeric"
    edges = np.unique(np.quantile(old, np.linspace(0, 1, _BINS + 1)[1:-1])) if numeric else None
    counts = [_counts(column, edges, len(field.values) or 2) for column in (old, new)]
    index, bins = _stability(counts[0], counts[1])
    # Under equal distributions the index is a chi-square of bins - 1 degrees, times this.
    scale = 1 / len(old) + 1 / len(new)
    p = chi_square_tail(index / scale, bins - 1) if bins > 1 else 1.0
    if numeric:
        p = min(2 * p, 2 * kolmogorov_tail(_distance(old, new), len(old), len(new)), 1.0)
    return _Shift(max(index - scale * (bins - 1), 0.0), p)


def _counts(column: Floats, edges: Floats | None, values: int) -> Floats:
    if edges is None:
        return np.bincount(column.astype(np.int64), minlength=values).astype(np.float64)
    places: NDArray[np.intp] = np.searchsorted(edges, column, side="right")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)


def _stability(old: Floats, new: Floats) -> tuple[float, int]:
    """Population stability index, and the number of bins that are not empty on both sides."""
    used = old + new > 0
    bins = int(used.sum())
    # Half a customer more in each bin, so that an empty one is a large ratio, not an infinite one.
    first, second = ((one[used] + _HALF) / (one.sum() + _HALF * bins) for one in (old, new))
    return float(((second - first) * np.log(second / first)).sum()), bins


def _distance(old: Floats, new: Floats) -> float:
    """Largest distance between the empirical distributions (Kolmogorov and Smirnov)."""
    values = np.unique(np.concatenate((old, new)))
    shares = [np.searchsorted(np.sort(one), values, side="right") / len(one) for one in (old, new)]
    return float(np.abs(shares[0] - shares[1]).max())


def _rate_shift(old: NDArray[np.int64], new: NDArray[np.int64]) -> _Shift:
    rate = float(np.concatenate((old, new)).mean())
    error = math.sqrt(rate * (1 - rate) * (1 / len(old) + 1 / len(new)))
    difference = float(abs(new.mean() - old.mean()))
    return _Shift(difference, chi_square_tail((difference / error) ** 2, 1))
