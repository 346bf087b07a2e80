"""What the numbers say, in sentences. Every number comes from `metrics.json`, `plots/` or the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn_core.bundle import DecisionPolicy
from churn_core.train.evaluation.curves import Rows
from churn_core.train.evaluation.words import between, money, number, share, share_between

__all__ = ["MEANINGS", "calibration", "findings", "whom_to_call", "worth"]

# What each metric of the table means to someone who does not know it.
MEANINGS = {
    "roc_auc": "How often a customer who left is ranked above one who stayed; 0.5 is chance, 1 is perfect.",
    "pr_auc": "Mean precision over all shares of churners found; chance is the churn rate.",
    "log_loss": "Penalty on probabilities that do not come true; lower is better.",
    "brier": "Mean squared error of the probabilities; lower is better.",
    "calibration_slope": "1 where probabilities are spread as they should be; below 1 they are too extreme.",
    "calibration_intercept": "0 where probabilities are right on average; above 0 they are too low.",
    "spiegelhalter_z": "Test of calibration; between -1.96 and 1.96 it finds no fault.",
    "lift_10": "Churn rate of the riskiest tenth, as a multiple of the average.",
    "top_rate_10": "Share of the riskiest tenth who left.",
    "accuracy": "Share of customers predicted rightly at the threshold.",
    "precision": "Share of the customers at or above the threshold who left.",
    "recall": "Share of those who left who were at or above the threshold.",
    "f1": "Harmonic mean of precision and recall.",
    "profit": "Per customer of the whole base, if all at or above the threshold are contacted.",
    "profit_all": "The same, if every customer is contacted.",
    "contacted": "Share of the whole base that would be contacted.",
    "mpc": "What the best cut-off on these customers would have brought: no threshold brings more.",
    "mpc_fraction": "How many customers that best cut-off contacts.",
    "empc": "The same when the share that accepts is uncertain and the cut-off follows it.",
    "empc_fraction": "How many customers that contacts on average.",
    "churn_rate": "Share of the hold-out who left.",
    "mean_probability": "What the model expects the churn rate to be.",
}


def findings(metrics: Mapping[str, Any], deciles: Rows) -> list[str]:
    """How good the model is, the most telling first."""
    return [_riskiest_tenth(metrics), _riskiest_fifth(deciles[1]), _pairs(metrics), calibration(metrics)]


def _riskiest_tenth(metrics: Mapping[str, Any]) -> str:
    rate = metrics["top_rate_10"]
    return (
        f"Of the 10 % of customers with the highest risk, {share(rate['value'])} left "
        f"(95 % interval {share_between(rate)}). Among all customers it was "
        f"{share(metrics['churn_rate']['value'])}."
    )


def _riskiest_fifth(decile: Mapping[str, Any]) -> str:
    bounds = {"low": decile["gain_low"], "high": decile["gain_high"]}
    return (
        f"The 20 % of customers with the highest risk hold {share(decile['gain'])} of all who left "
        f"({share_between(bounds)})."
    )


def _pairs(metrics: Mapping[str, Any]) -> str:
    auc = metrics["roc_auc"]
    return (
        "Of a customer who left and one who stayed, the model gives the higher risk to the one who left in "
        f"{share(auc['value'])} of all pairs ({share_between(auc)}). Guessing would reach 50 %."
    )


def calibration(metrics: Mapping[str, Any]) -> str:
    """Whether a predicted 30 % means that 30 of 100 leave."""
    slope, intercept = metrics["calibration_slope"], metrics["calibration_intercept"]
    if None in (slope["low"], intercept["low"], metrics["spiegelhalter_p"]):
        return "Whether the probabilities come true could not be measured on this hold-out."
    faults = [
        ("they are too extreme: true chances lie nearer to the average", slope["high"] < 1),
        ("they are too timid: true chances lie further from the average", slope["low"] > 1),
        ("they are too low on average", intercept["low"] > 0),
        ("they are too high on average", intercept["high"] < 0),
    ]
    found = [text for text, holds in faults if holds]
    evidence = (
        f"calibration slope {number(slope['value'], 2)}, {between(slope, 2)}; "
        f"Spiegelhalter's test p = {number(metrics['spiegelhalter_p'])}"
    )
    if found:
        return f"The probabilities should be read with care: {' and '.join(found)} ({evidence})."
    if metrics["spiegelhalter_p"] < 0.05:
        return (
            "The probabilities deviate from what happened by more than chance explains, though neither too "
            f"high nor too low throughout ({evidence})."
        )
    return (
        "The probabilities can be taken at their word: of customers with a predicted 30 %, about 30 of 100 "
        f"leave ({evidence})."
    )


def worth(metrics: Mapping[str, Any]) -> list[str]:
    """What acting on the model brings under the costs in the bundle."""
    currency, profit, rows = metrics["currency"], metrics["profit"], metrics["holdout_rows"]
    contacted = (
        f"Contacting the {share(metrics['contacted']['value'])} of customers at or above the threshold is "
        f"worth {money(profit['value'], currency)} per customer of the whole base (95 % interval "
        f"{between(profit, 2)} {currency}): {money(profit['value'] * rows, currency, 0)} for the {rows:,} "
        "customers of the test."
    )
    others = (
        f"Contacting everybody would be worth {money(metrics['profit_all']['value'], currency)} per "
        "customer, contacting nobody nothing."
    )
    best = (
        "The best cut-off on these very customers would have contacted "
        f"{share(metrics['mpc_fraction']['value'])}, worth {money(metrics['mpc']['value'], currency)} per "
        "customer; with hindsight, no cut-off brings more."
    )
    return [contacted, others, best]


def whom_to_call(policy: DecisionPolicy) -> list[str]:
    """The rule by which the bundle decides, and the money behind it."""
    costs, currency = policy.costs, policy.costs.currency
    by_value = bool(costs.value_field)
    worth_of = f"a customer worth {money(policy.typical_value, currency)}" if by_value else "a customer"
    reason = (
        "From there on contact brings more than it costs."
        if costs.threshold == "profit"
        else "This threshold is set by hand in the parameters."
    )
    rule = f"Contact {worth_of} whose probability of churn is {share(policy.threshold, 1)} or more. {reason}"
    money_behind = (
        f"A customer who would leave and is contacted brings {money(policy.gain, currency)} on average: "
        f"{share(policy.acceptance)} accept an offer of {money(costs.offer_cost, currency)} and stay, worth "
        f"{money(policy.typical_value, currency)}; the contact costs {money(costs.contact_cost, currency)}. "
        f"A customer who would have stayed costs {money(policy.loss, currency)}."
    )
    return [rule, money_behind, *([_by_value(policy)] if by_value else [])]


def _by_value(policy: DecisionPolicy) -> str:
    costs = policy.costs
    each = f"Each customer is worth {costs.value_field} times {costs.value_months:g}"
    if costs.threshold == "profit":
        return f"{each}; the more he is worth, the lower the probability from which he is contacted."
    return f"{each}; the threshold is the same for all."
