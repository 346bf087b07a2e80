"""Metrics of a probabilistic classifier, for one sample or for many resamples of it at once.

Every metric is a `Metric`: `roc_auc(labels, probabilities)` gives a number, and
`roc_auc.replicates(sample, counts)` gives one number for each row of a matrix of counts, which
say how often each customer was drawn. That is all that a bootstrap needs.

A metric that is not defined on a sample is `nan`: `roc_auc` and `pr_auc` where one class is
missing, `precision` where nobody is predicted to churn, the fits of
`calibration_slope` and `calibration_intercept` where they have no finite solution: one class
missing, constant predictions (slope), classes perfectly separated (slope).

Sources: calibration slope and intercept (calibration in the large) as in Cox, "Two further
applications of a model for binary regression", Biometrika 45, 1958, the intercept with the
slope held at 1; z as in Spiegelhalter, "Probabilistic prediction in patient management and
clinical trials", Statistics in Medicine 5, 1986.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from churn_core.bundle.policy import DecisionPolicy, decision_policy
from churn_core.gate.logistic import logistic_fit
from churn_core.gate.profit import profit_metrics
from churn_core.gate.sample import EPSILON, Floats, Metric, Sample, logit, ratio
from churn_core.params import CostParams

__all__ = [
    "LOSSES",
    "METRICS",
    "Confusion",
    "Metric",
    "Sample",
    "brier",
    "calibration_intercept",
    "calibration_slope",
    "confusion",
    "decision_metrics",
    "empc",
    "gain",
    "lift",
    "log_loss",
    "logit",
    "mpc",
    "pr_auc",
    "roc_auc",
    "spiegelhalter_p",
    "spiegelhalter_z",
    "top_rate",
]


@dataclass(frozen=True)
class Confusion:
    """How predictions and outcomes meet, in counts, each `[replicates]`."""

    true_positives: Floats
    false_positives: Floats
    false_negatives: Floats
    true_negatives: Floats

    @property
    def rows(self) -> Floats:
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives


def confusion(sample: Sample, counts: Floats, threshold: float | Floats) -> Confusion:
    """The confusion matrix of predicting churn from `threshold` upwards.

    Args:
        threshold: One for all, or `[rows]` in the order of the sample.
    """
    predicted = sample.probabilities >= threshold
    churned = sample.labels > 0
    cells = (predicted & churned, predicted & ~churned, ~predicted & churned, ~predicted & ~churned)
    return Confusion(*(counts @ np.column_stack(cells).astype(np.float64)).T)


def spiegelhalter_p(z: float) -> float:
    """Two-sided p-value of Spiegelhalter's z under perfect calibration, where z is standard normal."""
    return math.erfc(abs(z) / math.sqrt(2))


def gain(percent: int) -> Metric:
    """Share of all churners among the `percent` % of customers with the highest probabilities."""
    title = f"Churners among the top {percent} %"
    return Metric(f"gain_{percent}", title, lambda s, c: _gain(s, c, percent / 100))


def lift(percent: int) -> Metric:
    """Churn rate of the `percent` % with the highest probabilities, over that of all customers."""
    title = f"Lift of the top {percent} %"
    return Metric(f"lift_{percent}", title, lambda s, c: _gain(s, c, percent / 100) / (percent / 100))


def top_rate(percent: int) -> Metric:
    """Churn rate of the `percent` % of customers with the highest probabilities."""

    def replicates(sample: Sample, counts: Floats) -> Floats:
        found = _gain(sample, counts, percent / 100) * (counts @ sample.labels)
        return found / (counts.sum(axis=1) * percent / 100)

    return Metric(f"top_rate_{percent}", f"Churn rate of the top {percent} %", replicates)


def decision_metrics(policy: DecisionPolicy) -> dict[str, Metric]:
    """Metrics of the decisions that a bundle takes: at its threshold, under its costs.

    `profit` is the expected profit per customer, contacted or not: each churner above the
    threshold brings `policy.gain`, each other customer above it costs `policy.loss`. Where
    customers have values of their own, samples must carry them. With `profit_metrics`.
    """

    def metric(name: str, title: str, value: Callable[[Confusion], Floats]) -> Metric:
        def replicates(sample: Sample, counts: Floats) -> Floats:
            return value(confusion(sample, counts, policy.threshold_of(sample.values)))

        return Metric(name, title, replicates)

    def precision(cells: Confusion) -> Floats:
        return ratio(cells.true_positives, cells.true_positives + cells.false_positives)

    def recall(cells: Confusion) -> Floats:
        return ratio(cells.true_positives, cells.true_positives + cells.false_negatives)

    metrics = (
        metric("accuracy", "Accuracy", lambda m: ratio(m.true_positives + m.true_negatives, m.rows)),
        metric("precision", "Precision", precision),
        metric("recall", "Recall", recall),
        metric("f1", "F1 score", _f1),
        Metric("profit", "Expected profit per customer", lambda s, c: _profit(policy, s, c)),
    )
    return {**{one.name: one for one in metrics}, **profit_metrics(policy)}


def _profit(policy: DecisionPolicy, sample: Sample, counts: Floats) -> Floats:
    contacted = sample.probabilities >= policy.threshold_of(sample.values)
    return _mean(counts, np.where(contacted, policy.outcome(sample.labels, sample.values), 0.0))


def _f1(cells: Confusion) -> Floats:
    wrong = cells.false_positives + cells.false_negatives
    return ratio(2 * cells.true_positives, 2 * cells.true_positives + wrong)


def _roc_auc(sample: Sample, counts: Floats) -> Floats:
    positives, negatives = sample.cumulated(counts)
    before = np.concatenate((np.zeros((len(counts), 1)), positives[:, :-1]), axis=1)
    width = np.diff(negatives, axis=1, prepend=0.0)
    area = np.sum(width * (positives + before), axis=1) / 2
    return ratio(area, positives[:, -1] * negatives[:, -1])


def _pr_auc(sample: Sample, counts: Floats) -> Floats:
    positives, negatives = sample.cumulated(counts)
    found = positives + negatives
    precision = positives / np.where(found > 0, found, 1.0)
    area = np.sum(np.diff(positives, axis=1, prepend=0.0) * precision, axis=1)
    return np.where(negatives[:, -1] > 0, ratio(area, positives[:, -1]), np.nan)


def _log_losses(labels: Floats, probabilities: Floats) -> Floats:
    p = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return -np.log(np.where(labels > 0, p, 1 - p))


def _squares(labels: Floats, probabilities: Floats) -> Floats:
    return (labels - probabilities) ** 2


LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {"log_loss": _log_losses, "brier": _squares}
"""What each customer adds to the metrics that are means over customers, from outcomes and probabilities."""


def _log_loss(sample: Sample, counts: Floats) -> Floats:
    return _mean(counts, _log_losses(sample.labels, sample.probabilities))


def _brier(sample: Sample, counts: Floats) -> Floats:
    return _mean(counts, _squares(sample.labels, sample.probabilities))


def _spiegelhalter_z(sample: Sample, counts: Floats) -> Floats:
    p = sample.probabilities
    numerator = counts @ ((sample.labels - p) * (1 - 2 * p))
    return ratio(numerator, np.sqrt(counts @ ((1 - 2 * p) ** 2 * p * (1 - p))))


def _gain(sample: Sample, counts: Floats, share: float) -> Floats:
    # Within a run of equal probabilities any order is as good: the line between its ends is the mean.
    positives, negatives = sample.cumulated(counts)
    total = positives + negatives
    wanted = share * total[:, -1]
    run = np.minimum((total < wanted[:, None]).sum(axis=1), total.shape[1] - 1)
    rows = np.arange(len(counts))
    before = np.maximum(run - 1, 0)
    start, found = (np.where(run > 0, part[rows, before], 0.0) for part in (total, positives))
    end, most = total[rows, run], positives[rows, run]
    reached = found + (wanted - start) * (most - found) / np.maximum(end - start, EPSILON)
    return ratio(reached, positives[:, -1])


def _calibration_slope(sample: Sample, counts: Floats) -> Floats:
    centre, scale = float(np.mean(sample.logits)), float(np.std(sample.logits))
    if sample.logits[0] == sample.logits[-1]:  # sorted: all are equal
        return np.full(len(counts), np.nan)
    design = np.column_stack((np.ones(len(sample)), (sample.logits - centre) / scale))
    slopes = logistic_fit(design, np.zeros(len(sample)), sample.labels, counts)[:, 1] / scale
    drawn = counts > 0
    first, last = drawn.argmax(axis=1), len(sample) - 1 - drawn[:, ::-1].argmax(axis=1)
    return np.where(sample.logits[first] == sample.logits[last], np.nan, slopes)


def _calibration_intercept(sample: Sample, counts: Floats) -> Floats:
    return logistic_fit(np.ones((len(sample), 1)), sample.logits, sample.labels, counts)[:, 0]


def _mean(counts: Floats, values: Floats) -> Floats:
    return ratio(counts @ values, counts.sum(axis=1))


_ALL = (
    Metric("roc_auc", "ROC AUC", _roc_auc),
    Metric("pr_auc", "PR AUC", _pr_auc),
    Metric("log_loss", "Log loss", _log_loss, higher_is_better=False),
    Metric("brier", "Brier score", _brier, higher_is_better=False),
    Metric("calibration_slope", "Calibration slope", _calibration_slope, None, target=1.0),
    Metric("calibration_intercept", "Calibration intercept", _calibration_intercept, None, target=0.0),
    Metric("spiegelhalter_z", "Spiegelhalter's z", _spiegelhalter_z, None, target=0.0),
    lift(10),
)
_AT_DEFAULT_COSTS = profit_metrics(decision_policy(CostParams()))
METRICS: dict[str, Metric] = {
    **{metric.name: metric for metric in _ALL},
    **{name: _AT_DEFAULT_COSTS[name] for name in ("empc", "mpc")},
}
"""The metrics that need no threshold, by name; EMPC and MPC are those of the default costs."""

roc_auc, pr_auc, log_loss, brier, calibration_slope, calibration_intercept, spiegelhalter_z, _ = _ALL
empc, mpc = METRICS["empc"], METRICS["mpc"]
