"""What the report says where numbers decide which words are right; the other sentences are templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["CARD", "LIMITS", "MEANINGS", "OUT_OF_SCOPE", "USES", "Verdict", "calibration", "featured"]

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
    "profit": "Per customer of the whole base, if all at or above the threshold are called.",
    "profit_all": "The same, if every customer is called.",
    "contacted": "Share of the whole base that would be called.",
    "mpc": "What the best cut-off on these customers would have brought: no threshold brings more.",
    "mpc_fraction": "How many customers that best cut-off calls.",
    "empc": "The same when the share that accepts is uncertain and the cut-off follows it.",
    "empc_fraction": "How many customers that calls on average.",
    "churn_rate": "Share of the hold-out who left.",
    "mean_probability": "What the model expects the churn rate to be.",
}

USES = (
    "Rank existing customers by their risk of leaving, and decide to whom a retention team makes an offer.",
    "Weigh a campaign beforehand: what so many calls are expected to bring under the costs of the policy.",
    "Tell the person who calls what the score rests on. People decide what is said and offered.",
)

OUT_OF_SCOPE = (
    "Decisions about prices, credit, service level, employment, or anything else that a person depends on.",
    "Any use to the disadvantage of the customers who are scored.",
    "Other kinds of customers, markets or products than those of the training data.",
    "Predicting what a change would do: neither the score nor its reasons say what causes churn.",
)

LIMITS = (
    (
        "The customers of the test were drawn at random from the same data, not from a later time. How fast "
        "the model ages is not measured here: watch inputs and outcomes, and test it again when offers or "
        "competitors change."
    ),
    "Importance and reasons are associations between fields and the score. They are no proof of cause.",
    (
        "That a called customer accepts and stays is an assumption of the policy which this data cannot "
        "confirm. A trial with a control group that is not called can."
    ),
    "In small groups intervals are wide. No difference shown is not proof of equal treatment.",
    (
        "The highest profits (MPC, EMPC) are chosen on the very customers that they are measured on, and so "
        "a little too high; the profit at the bundle's own threshold is not."
    ),
)

# Sections of a model card (Mitchell et al. 2019) and where this report has them.
CARD = (
    ("Model details", (("model", "Model and lineage"), ("policy", "Costs and policy"))),
    ("Intended use", (("use", "Intended use and limits"),)),
    ("Factors", (("slices", "Groups"), ("fields", "Fields of a customer"))),
    ("Metrics", (("quality", "How good it is"), ("summary", "In short"))),
    ("Evaluation data", (("data", "Data"),)),
    ("Training data", (("data", "Data"),)),
    ("Quantitative analyses", (("quality", "How good it is"), ("slices", "Groups"), ("drivers", "Reasons"))),
    ("Ethical considerations", (("persons", "Data about persons"), ("slices", "Groups"))),
    ("Caveats and recommendations", (("use", "Intended use and limits"),)),
)


_VAGUE = 1.0  # width of the calibration slope's interval beyond which finding no fault says nothing


class Verdict(NamedTuple):
    """Whether a predicted 30 % means that 30 of 100 leave, and whether numbers stand behind that."""

    words: str
    evidence: bool = True


def calibration(metrics: Mapping[str, Any]) -> Verdict:
    """What slope, intercept and Spiegelhalter's test say of the probabilities."""
    slope, intercept = metrics["calibration_slope"], metrics["calibration_intercept"]
    if None in (slope["low"], intercept["low"], metrics["spiegelhalter_p"]):
        return Verdict("Whether the probabilities come true could not be measured on this hold-out.", False)
    faults = [
        ("they are too extreme: true chances lie nearer to the average", slope["high"] < 1),
        ("they are too timid: true chances lie further from the average", slope["low"] > 1),
        ("they are too low on average", intercept["low"] > 0),
        ("they are too high on average", intercept["high"] < 0),
    ]
    found = [text for text, holds in faults if holds]
    if found:
        return Verdict(f"The probabilities should be read with care: {' and '.join(found)}")
    if metrics["spiegelhalter_p"] < 0.05:
        return Verdict(
            "The probabilities deviate from what happened by more than chance explains, though neither too "
            "high nor too low throughout"
        )
    if slope["high"] - slope["low"] > _VAGUE:
        return Verdict("The test finds no fault in the probabilities, but has too few customers to find one")
    return Verdict("The probabilities can be taken at their word: the test finds no fault in them")


def featured(rows: Sequence[Mapping[str, Any]], near: float = 0.3, enough: int = 30) -> int:
    """Which of the rows of `given` to tell on the first page: near 30 %, and with enough customers."""
    places = [place for place, row in enumerate(rows) if row["customers"] >= enough]
    if not places:
        return max(range(len(rows)), key=lambda place: rows[place]["customers"])
    return min(places, key=lambda place: abs(rows[place]["probability"] - near))
