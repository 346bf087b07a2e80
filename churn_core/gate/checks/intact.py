"""Is the bundle whole, does it answer, and was it made without these customers?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from churn_core.gate.evidence import Evidence
from churn_core.gate.verdict import Bound, CheckResult
from churn_core.schemas.rules import Frozen

__all__ = ["BundleIntact"]


class BundleIntact(Frozen):
    """The digests fit, the graph answers as the trained estimators did, on unseen customers.

    Attributes:
        parity: Largest difference in probability allowed between graph and estimators.
    """

    parity: Annotated[float, Field(ge=0, lt=1)] = 1e-6

    def check(self, evidence: Evidence) -> CheckResult:
        problems = (*self._made_well(evidence), *_unseen(evidence), *_answers(evidence))
        rows = len(evidence.labels)
        sentence = (
            f"The bundle is not sound: {problems[0]}."
            if problems
            else f"The bundle is whole and answers for all {rows} held-out customers as it was trained to."
        )
        return CheckResult(
            status="fail" if problems else "pass",
            sentence=sentence,
            numbers={"rows": rows, "parity": evidence.manifest.parity.max_difference},
            thresholds={"parity": Bound(at_most=self.parity)},
            details=problems,
        )

    def _made_well(self, evidence: Evidence) -> Iterator[str]:
        manifest = evidence.manifest
        if not manifest.is_sealed():
            yield "its manifest does not fit its digest"
        parity = manifest.parity
        if parity.rows < 1:
            yield "the graph was never compared with the trained estimators"
        if not parity.max_difference <= self.parity:
            yield (
                f"the graph differs from the trained estimators by {parity.max_difference:.2g} "
                f"in probability ({self.parity:g} allowed)"
            )


def _unseen(evidence: Evidence) -> Iterator[str]:
    lineage, data = evidence.manifest.lineage, evidence.data
    if lineage.split_seed != data.split_seed:
        yield f"it was trained on the split of seed {lineage.split_seed}, the data are of {data.split_seed}"
    if lineage.holdout_digest != data.customers_digest:
        yield "it held out other customers, so it may have been trained on these"


def _answers(evidence: Evidence) -> Iterator[str]:
    answers = evidence.probabilities
    wrong = int((~((answers >= 0) & (answers <= 1))).sum())
    if wrong:
        yield f"{wrong} of {len(answers)} answers are not probabilities"
    if not np.array_equal(evidence.ask_again(), answers, equal_nan=True):
        yield "it answers differently when it is asked again"
