"""Projects with a registry, and models in it, without training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from churn_core.bundle import Bundle
from churn_core.gate import CheckResult, Verdict, policy_digest
from churn_core.params import Params
from churn_core.tracking import Registered, Tracking, register, store_verdict, tracking
from tests.support.bundles import logistic_bundle

__all__ = ["MODEL", "Project"]

MODEL = "telco-churn-prediction"


class Project:
    """A folder with a registry that is empty, or does not exist yet."""

    def __init__(self, root: Path, database: Path | None = None) -> None:
        self.root = root
        self.params = Params()
        if database is not None:
            shutil.copy(database, root / "mlflow.db")

    @property
    def where(self) -> Tracking:
        return tracking(self.params, self.root)

    def train(self, roc_auc: float = 0.8, **changes: Any) -> Bundle:
        """A candidate with an evaluation; `changes` make it another bundle."""
        bundle = logistic_bundle(self.root / "models/candidate", **changes)
        metrics = {
            "bundle": bundle.manifest.digest,
            "rows": 1409,
            "currency": "EUR",
            "roc_auc": {"value": roc_auc, "low": roc_auc - 0.02, "high": roc_auc + 0.02},
            "precision": {"value": None, "low": None, "high": None},
        }
        self.write("outputs/metrics/metrics.json", json.dumps(metrics))
        return bundle

    def register(self, **changes: Any) -> Registered:
        """Train and register."""
        self.train(**changes)
        return register(self.params, self.root)

    def judged(self, champion: str = "", *, passed: bool = True, **changes: Any) -> Registered:
        """Train, register, and store a verdict.

        Args:
            champion: Digest of the bundle that it was compared with.
        """
        done = self.register(**changes)
        assert store_verdict(self.params, self.verdict(done.digest, champion, passed=passed), self.root)
        return done

    def verdict(self, candidate: str, champion: str = "", *, passed: bool = True) -> Verdict:
        result = CheckResult(name="floors", status="pass" if passed else "fail", sentence="Looked at.")
        return Verdict.of(candidate, champion, policy_digest(self.params.gate), "d" * 64, 10, (result,))

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")
