"""All numbers of an evaluation, each with how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import DecisionPolicy, Manifest
from churn_core.bundle.band import BandReader
from churn_core.bundle.manifest import Interval
from churn_core.features import RawTable
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.groups import risk_groups, slice_groups, wilson
from churn_core.gate.metrics import (
    METRICS,
    Metric,
    Sample,
    confusion,
    decision_metrics,
    gain,
    roc_auc,
    spiegelhalter_p,
    top_rate,
)
from churn_core.train.evaluation.curves import Rows, rounded

__all__ = ["deciles", "headline", "metrics_content", "replicates_for", "risk_levels", "slices"]

_SEED = 0

_RATE = Metric("churn_rate", "Churn rate", lambda s, c: c @ s.labels / c.sum(axis=1), None)
_MEAN = Metric("mean_probability", "Mean probability", lambda s, c: c @ s.probabilities / c.sum(axis=1), None)
_GAP = Metric(
    "gap",
    "Churn rate minus mean probability",
    lambda s, c: c @ (s.labels - s.probabilities) / c.sum(axis=1),
    None,
    target=0.0,
)


def replicates_for(rows: int) -> int:
    """1,000 bootstrap replicates up to 20,000 customers; down to 200 for more, whose intervals are narrow."""
    return min(1000, max(200, 20_000_000 // rows))


def headline(policy: DecisionPolicy) -> dict[str, Metric]:
    """The metrics of `metrics.json`, in its order."""

    def contacted(sample: Sample, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = sample.probabilities >= policy.threshold_of(sample.values)
        return counts @ chosen.astype(np.float64) / counts.sum(axis=1)

    def everybody(sample: Sample, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return counts @ policy.outcome(sample.labels, sample.values) / counts.sum(axis=1)

    decisions = decision_metrics(policy)
    more = (
        top_rate(10),
        *(decisions[name] for name in ("accuracy", "precision", "recall", "f1")),
        Metric("contacted", "Share of customers at or above the threshold", contacted, None),
        decisions["profit"],
        Metric("profit_all", "Expected profit per customer if all are contacted", everybody),
        *(decisions[name] for name in ("mpc", "mpc_fraction", "empc", "empc_fraction")),
        _RATE,
        _MEAN,
    )
    plain = {name: metric for name, metric in METRICS.items() if name not in decisions}
    return {**plain, **{metric.name: metric for metric in more}}


def metrics_content(
    manifest: Manifest,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    replicates: int | None = None,
    values: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """The content of `metrics.json`; `values` is what each customer is worth."""
    sample = Sample(labels, probabilities, values)
    policy = manifest.decision
    replicates = replicates or replicates_for(len(labels))
    found = bootstrap(labels, probabilities, headline(policy), replicates, _SEED, values=values)
    cells = confusion(sample, sample.counts(), policy.threshold_of(sample.values))
    z = found["spiegelhalter_z"].value
    band = BandReader(manifest.band) if manifest.band else None
    low, high = band(probabilities) if band else (np.nan, np.nan)
    return {
        "bundle": manifest.digest,
        "schema": manifest.schema_spec.name,
        "dataset": manifest.lineage.dataset,
        "intervals": f"95 % percentile bootstrap, {replicates:,} replicates, seed {_SEED}",
        "policy": policy.digest,
        "policy_version": policy.version,
        "currency": policy.costs.currency,
        "holdout_rows": len(labels),
        "holdout_churners": int(labels.sum()),
        "threshold": policy.threshold,
        **{name: _plain(interval) for name, interval in found.items()},
        "spiegelhalter_p": rounded(spiegelhalter_p(z)),
        "interval_coverage": band.coverage if band else None,
        "interval_width": rounded(float(np.mean(high - low))),
        "true_positives": int(cells.true_positives[0]),
        "false_positives": int(cells.false_positives[0]),
        "false_negatives": int(cells.false_negatives[0]),
        "true_negatives": int(cells.true_negatives[0]),
    }


def deciles(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    policy: DecisionPolicy,
    replicates: int | None = None,
    values: NDArray[np.float64] | None = None,
) -> Rows:
    """Tenths of the customers, the riskiest first; gain and lift count from the first tenth on."""
    sample = Sample(labels, probabilities, values)
    gains = {f"{percent}": gain(percent) for percent in range(10, 101, 10)}
    reached = bootstrap(labels, probabilities, gains, replicates or replicates_for(len(labels)), _SEED)
    cuts = [round(len(sample) * tenth / 10) for tenth in range(11)]
    churners = _sum_over(sample, sample.labels, cuts)
    profits = _sum_over(sample, policy.outcome(sample.labels, sample.values), cuts)
    rows: Rows = []
    for tenth in range(1, 11):
        start, stop = cuts[tenth - 1], cuts[tenth]
        interval = reached[f"{tenth * 10}"]
        rate = _rate(churners[tenth] - churners[tenth - 1], stop - start)
        profit = (profits[tenth] - profits[tenth - 1]) / (stop - start) if stop > start else None
        rows.append(
            {
                "decile": tenth,
                **_described(sample.probabilities[start:stop]),
                **rate,
                **_plain(interval, "gain"),
                **_plain(interval, "lift", 10 / tenth),
                "profit_per_contact": rounded(profit),
            }
        )
    return rows


def risk_levels(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    policy: DecisionPolicy,
    values: NDArray[np.float64] | None = None,
) -> Rows:
    """Customers by the risk that the bundle names, with the churn rate found among them."""
    outcome = policy.outcome(labels, values)
    rows: Rows = []
    for group in risk_groups(probabilities, policy):
        members = group.members
        rate = _rate(float(labels[members].sum()), int(members.sum()))
        rows.append(
            {
                "risk": group.name,
                **_described(probabilities[members]),
                **rate,
                "profit_per_contact": rounded(outcome[members].mean()) if members.any() else None,
            }
        )
    return rows


def slices(
    raw: RawTable,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    policy: DecisionPolicy,
    values: NDArray[np.float64] | None = None,
    replicates: int | None = None,
) -> Rows:
    """Quality and fairness group by group.

    ROC AUC; churn rate minus mean probability (`gap`); the shares of all (`contacted`), of those who left
    (`recall`) and of those who stayed (`false_alarms`) whom the policy contacts.
    """
    replicates = replicates or replicates_for(len(labels))
    chosen = probabilities >= policy.threshold_of(values)
    rows: Rows = []
    for group in slice_groups(raw):
        y, p = labels[group.members], probabilities[group.members]
        found = bootstrap(y, p, {"roc_auc": roc_auc, "gap": _GAP}, replicates, _SEED)
        rows.append(
            {
                "field": group.field,
                "group": group.name,
                "customers": len(y),
                "churn_rate": rounded(y.mean()),
                "mean_probability": rounded(p.mean()),
                **_plain(found["roc_auc"], "roc_auc"),
                **_plain(found["gap"], "gap"),
                "contacted": rounded(chosen[group.members].mean()),
                **_share_of(chosen, group.members & (labels > 0), "recall"),
                **_share_of(chosen, group.members & (labels == 0), "false_alarms"),
            }
        )
    return rows


def _share_of(chosen: NDArray[np.bool_], members: NDArray[np.bool_], name: str) -> dict[str, float | None]:
    """The share of the members who are chosen, with Wilson's interval."""
    found, of = int(chosen[members].sum()), int(members.sum())
    low, high = wilson(found, of)
    share = rounded(found / of) if of else None
    return {name: share, f"{name}_low": rounded(low), f"{name}_high": rounded(high)}


def _plain(interval: Interval, name: str = "", scale: float = 1.0) -> dict[str, float | None]:
    keys = (name, f"{name}_low", f"{name}_high") if name else ("value", "low", "high")
    numbers = (interval.value, interval.low, interval.high)
    return {key: rounded(number * scale) for key, number in zip(keys, numbers, strict=True)}


def _described(probabilities: NDArray[np.float64]) -> dict[str, Any]:
    some = len(probabilities) > 0
    return {
        "customers": len(probabilities),
        "lowest_probability": rounded(probabilities.min()) if some else None,
        "mean_probability": rounded(probabilities.mean()) if some else None,
    }


def _rate(churners: float, customers: int) -> dict[str, float | None]:
    low, high = wilson(round(churners), customers)
    rate = churners / customers if customers else None
    return {"churn_rate": rounded(rate), "churn_rate_low": rounded(low), "churn_rate_high": rounded(high)}


def _sum_over(sample: Sample, column: NDArray[np.float64], first: Sequence[int]) -> NDArray[np.float64]:
    """Sum over the `first` customers, the mean over all orders of equal probabilities."""
    return np.interp(first, np.append(0, sample.ends + 1), np.append(0.0, np.cumsum(column)[sample.ends]))
