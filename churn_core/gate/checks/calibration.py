"""Can the probabilities be taken at their word?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field, FiniteFloat

from churn_core.errors import DataError
from churn_core.gate.evidence import Evidence
from churn_core.gate.inference import holm
from churn_core.gate.metrics import calibration_intercept, calibration_slope, spiegelhalter_z
from churn_core.gate.sample import Floats, Sample
from churn_core.gate.verdict import Bound, CheckResult, Estimate
from churn_core.schemas.rules import Frozen

__all__ = ["Calibration", "Deviation"]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("the lower end must not exceed the upper")
    return ends


_Range = Annotated[tuple[FiniteFloat, FiniteFloat], AfterValidator(_rising)]
_Slopes = Annotated[tuple[Annotated[FiniteFloat, Field(gt=0)], FiniteFloat], AfterValidator(_rising)]

_GROUPS = 10
# The fewest draws that can refute one of four numbers at 95 %, with some to spare.
_FEWEST = 150
# Simulated outcomes that are held in memory at once, and in all.
_BLOCK, _MOST = 1 << 19, 1 << 22


@dataclass(frozen=True)
class Deviation:
    """One way to be wrong, and how far a calibrated model is off by chance.

    Attributes:
        null: The same number for outcomes drawn from the model's own probabilities, `[draws]`.
        target: What it is without chance.
        allowed: How far off a model may truly be.
        ratio: Whether distances are ratios: a slope of 0.5 is as wrong as one of 2.
    """

    name: str
    title: str
    value: float
    null: Floats
    target: float
    allowed: tuple[float, float]
    ratio: bool = False

    def p_value(self) -> float:
        """How likely a model at the edge of what is allowed looks as wrong as this one, or worse."""
        low, high = (self._scaled(end) for end in self.allowed)
        value, noise = self._scaled(self.value), self._scaled(self.null) - self._scaled(self.target)
        if low <= value <= high:
            return 1.0
        as_wrong = noise >= value - high if value > high else noise <= value - low
        return float((1 + as_wrong.sum()) / (1 + len(noise)))

    def estimate(self, level: float) -> Estimate:
        """The value with the interval that chance leaves open."""
        low, high = np.quantile(self.null - self.target, [(1 - level) / 2, (1 + level) / 2])
        return Estimate(value=self.value, low=self.value - float(high), high=self.value - float(low))

    @property
    def bound(self) -> Bound:
        low, high = self.allowed
        return Bound(at_least=low if np.isfinite(low) else None, at_most=high)

    def __str__(self) -> str:
        chance = self.p_value()
        odds = f", by chance in {chance:.1%} of samples" if chance < 1 else ""
        return f"{self.title} is {self.value:.3f} ({self.bound} allowed{odds})"

    def _scaled(self, value: Floats | float) -> Floats:
        numbers = np.asarray(value, dtype=np.float64)
        return np.log(np.maximum(numbers, 1e-9)) if self.ratio else numbers


class Calibration(Frozen):
    """Probabilities that are off by more than is allowed, beyond what chance explains.

    What chance does is not taken from a table: outcomes are drawn from the model's own
    probabilities again and again, and everything is computed for them as for the true ones. A
    model fails if it is further outside of a tolerance than chance carries a model at its edge:
    a small sample refuses nobody by bad luck, and a large one nobody for a trifle. Holm's method
    keeps the risk to refuse a tolerable model below `1 - confidence`, all four numbers together.

    Attributes:
        slope: Allowed slope of the outcomes on the predicted log-odds; below 1: too extreme.
        intercept: Allowed intercept with the slope held at 1, in log-odds; above 0: too low on average.
        brier_excess: How far the Brier score may differ from what the probabilities promise. This
            difference is the numerator of Spiegelhalter's z, per customer.
        curve_excess: How much further the churn rates of ten groups of equal risk may be from their
            probabilities than those of a calibrated model are by chance, on average.
        confidence: See above.
        draws: Simulated samples; fewer where there are many customers.
        seed: Of the draws.
    """

    slope: _Slopes = (0.8, 1.25)
    intercept: _Range = (-0.2, 0.2)
    brier_excess: Annotated[FiniteFloat, Field(ge=0)] = 0.03
    curve_excess: Annotated[FiniteFloat, Field(ge=0)] = 0.05
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    draws: Annotated[int, Field(ge=150, le=10_000)] = 400
    seed: Annotated[int, Field(ge=0)] = 0

    def check(self, evidence: Evidence) -> CheckResult:
        p, labels = evidence.sound_probabilities, evidence.labels.astype(np.float64)
        if np.ptp(p) == 0:
            sentence = f"All customers have the same probability, {p[0]:.3f}: there is nothing to calibrate."
            return CheckResult(status="fail", sentence=sentence)
        return self.judge(labels, p)

    def judge(self, labels: Floats, probabilities: Floats) -> CheckResult:
        """Judge probabilities, `[rows]`, that are not all the same, by outcomes."""
        found = self.deviations(labels, probabilities)
        p_values = [one.p_value() for one in found]
        wrong = [one for one, yes in zip(found, holm(p_values, 1 - self.confidence), strict=True) if yes]
        outside = [one for one, p in zip(found, p_values, strict=True) if p < 1]
        if wrong:
            sentence = f"The probabilities are off: {'; '.join(map(str, wrong))}."
        elif outside:
            sentence = f"The probabilities can be trusted as far as so few customers tell: {outside[0]}."
        else:
            sentence = f"The probabilities can be trusted: {'; '.join(map(str, found[:2]))}."
        z = spiegelhalter_z(labels, probabilities)
        excess = next(one for one in found if one.name == "brier_excess")
        return CheckResult(
            status="fail" if wrong else "pass",
            sentence=sentence,
            numbers={"spiegelhalter_z": z, "spiegelhalter_p": _two_sided(excess)},
            intervals={one.name: one.estimate(self.confidence) for one in found},
            thresholds={one.name: one.bound for one in found},
            details=tuple(map(str, found)),
        )

    def deviations(self, labels: Floats, probabilities: Floats) -> list[Deviation]:
        """The four ways to be wrong.

        Raises:
            DataError: The outcomes follow from the probabilities without exception.
        """
        (true,) = _statistics(probabilities, labels[None])
        if not np.isfinite(true).all():
            raise DataError("no slope fits outcomes that follow from the probabilities without exception")
        null = np.concatenate([_statistics(probabilities, drawn) for drawn in self._outcomes(probabilities)])
        null = null[np.isfinite(null).all(axis=1)]
        usual = float(np.mean(null[:, 3]))
        columns = zip(
            ("calibration_slope", "calibration_intercept", "brier_excess", "curve_excess"),
            (
                calibration_slope.title,
                calibration_intercept.title,
                "The Brier score beyond what is promised",
                "The calibration error beyond chance",
            ),
            (true[0], true[1], true[2], true[3] - usual),
            (null[:, 0], null[:, 1], null[:, 2], null[:, 3] - usual),
            (1.0, 0.0, 0.0, 0.0),
            (
                self.slope,
                self.intercept,
                (-self.brier_excess, self.brier_excess),
                (-np.inf, self.curve_excess),
            ),
            (True, False, False, False),
            strict=True,
        )
        return [Deviation(*column) for column in columns]

    def _outcomes(self, probabilities: Floats) -> Iterator[Floats]:
        """Outcomes drawn from the probabilities, `[some draws, rows]` at a time."""
        random, rows = np.random.default_rng(self.seed), len(probabilities)
        draws = max(_FEWEST, min(self.draws, _MOST // rows))
        at_once = max(1, _BLOCK // rows)
        for start in range(0, draws, at_once):
            shape = min(at_once, draws - start), rows
            yield (random.random(shape) < probabilities).astype(np.float64)


def _statistics(probabilities: Floats, outcomes: Floats) -> Floats:
    """Slope, intercept, excess of the Brier score and calibration error, `[draws, 4]`.

    Args:
        outcomes: `[draws, rows]`.
    """
    rows = len(probabilities)
    # Every customer stands once for each outcome, and counts where he has it.
    both = Sample(np.repeat((0, 1), rows), np.tile(probabilities, 2))
    counts = both.counts(np.concatenate((1 - outcomes, outcomes), axis=1))
    surprise = outcomes - probabilities
    groups = np.array_split(np.argsort(probabilities, kind="stable"), _GROUPS)
    gaps = [np.abs(surprise[:, group].sum(axis=1)) for group in groups]
    columns = (
        calibration_slope.replicates(both, counts),
        calibration_intercept.replicates(both, counts),
        surprise @ (1 - 2 * probabilities) / rows,
        np.sum(gaps, axis=0) / rows,
    )
    return np.column_stack(columns)


def _two_sided(one: Deviation) -> float:
    """How likely a perfectly calibrated model is as far off."""
    return float((1 + (np.abs(one.null) >= abs(one.value)).sum()) / (1 + len(one.null)))
