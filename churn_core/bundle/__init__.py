"""The bundle: a model as data, verified on every read."""

from __future__ import annotations

from churn_core.bundle.change import with_policy
from churn_core.bundle.io import Bundle, copy_bundle, read_bundle, write_bundle
from churn_core.bundle.manifest import Manifest
from churn_core.bundle.policy import DecisionPolicy, decision_policy
from churn_core.bundle.scorer import Scorer
from churn_core.bundle.stores import fetch_bundle, open_bundle, open_scorer
from churn_core.bundle.targeting import Targets, best_contacts, choose_targets

__all__ = [
    "Bundle",
    "DecisionPolicy",
    "Manifest",
    "Scorer",
    "Targets",
    "best_contacts",
    "choose_targets",
    "copy_bundle",
    "decision_policy",
    "fetch_bundle",
    "open_bundle",
    "open_scorer",
    "read_bundle",
    "with_policy",
    "write_bundle",
]
