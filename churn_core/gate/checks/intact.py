"""Is the bundle whole, does it answer, and was it made of these customers and without those?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from churn_core.features import RawTable
from churn_core.gate.evidence import EvaluationData, Evidence
from churn_core.gate.measured import measured, recorded
from churn_core.gate.metrics import METRICS
from churn_core.gate.verdict import Bound, CheckResult, Status
from churn_core.schemas.rules import Frozen

__all__ = ["BundleIntact"]

_ALONE = 32  # customers who are asked about one by one
_SURE = 2.58  # standard errors, 99 %


class BundleIntact(Frozen):
    """The digests fit, its origin is known, and the graph answers as what was trained.

    Attributes:
        parity: Largest difference in probability allowed between graph and estimators, and between
            a customer's answers alone and in company.
    """

    parity: Annotated[float, Field(ge=0, lt=1)] = 1e-6

    def check(self, evidence: Evidence) -> CheckResult:
        problems = (
            *self._made_well(evidence),
            *_origin(evidence),
            *self._answers(evidence),
            *_keeps_record(evidence),
        )
        doubts = tuple(_doubts(evidence))
        rows = len(evidence.labels)
        status: Status = "fail" if problems else "warn" if doubts else "pass"
        said = {
            "fail": f"The bundle is not sound: {(*problems, '')[0]}.",
            "warn": f"The bundle is whole and answers as it was trained to, but {(*doubts, '')[0]}.",
            "pass": f"The bundle is whole and answers all {rows} held-out customers as it was trained to.",
        }
        return CheckResult(
            status=status,
            sentence=said[status],
            numbers={"rows": rows, "parity": evidence.manifest.parity.max_difference},
            thresholds={"parity": Bound(at_most=self.parity)},
            details=(*problems, *doubts),
        )

    def _made_well(self, evidence: Evidence) -> Iterator[str]:
        manifest = evidence.manifest
        if not manifest.is_sealed():
            yield "its manifest does not fit its digest"
        if not manifest.trainer or not manifest.members:
            yield "it does not say what was trained, and by which trainer"
        parity = manifest.parity
        if parity.rows < 1:
            yield "the graph was never compared with the trained estimators"
        if not parity.max_difference <= self.parity:
            yield (
                f"the graph differs from the trained estimators by {parity.max_difference:.2g} "
                f"in probability ({self.parity:g} allowed)"
            )

    def _answers(self, evidence: Evidence) -> Iterator[str]:
        answers = evidence.probabilities
        wrong = int((~((answers >= 0) & (answers <= 1))).sum())
        if wrong:
            yield f"{wrong} of {len(answers)} answers are not probabilities"
        elif np.ptp(answers) <= self.parity:
            yield "it gives every customer the same answer"
        if not np.array_equal(evidence.ask_again(), answers, equal_nan=True):
            yield "it answers differently when it is asked again"
        elif not wrong and _apart(evidence) > self.parity:
            yield "what it answers about a customer depends on who else is asked about"


def _apart(evidence: Evidence) -> float:
    """Largest difference between answers in company and alone, or in another order."""
    ask, raw = evidence.candidate.opened("the candidate").probabilities, evidence.raw
    turned = ask(RawTable(raw.spec, np.ascontiguousarray(raw.values[::-1])))[::-1]
    alone = [ask(RawTable(raw.spec, raw.values[row : row + 1]))[0] for row in range(min(_ALONE, len(raw)))]
    answers = evidence.probabilities
    return float(max(np.abs(turned - answers).max(), np.abs(alone - answers[: len(alone)]).max()))


def _origin(evidence: Evidence) -> Iterator[str]:
    lineage, data, training = evidence.manifest.lineage, evidence.data, evidence.training
    if lineage.split_seed != data.split_seed:
        yield f"it was trained on the split of seed {lineage.split_seed}, the data are of {data.split_seed}"
    if lineage.holdout_digest != data.customers_digest:
        yield "it held out other customers, so it may have been trained on these"
    if training is not None and lineage.train_digest != training.customers_digest:
        yield (
            f"it was trained on other customers or outcomes ({lineage.train_rows} customers, "
            f"{lineage.churn_rate:.1%} churn) than those at hand ({_spoken(training)})"
        )


def _spoken(training: EvaluationData) -> str:
    return f"{len(training.labels)} and {float(training.labels.mean()):.1%}"


def _keeps_record(evidence: Evidence) -> Iterator[str]:
    """A graph that is what was trained knows its training customers better than any fold without them."""
    training, answers = evidence.training, evidence.training_probabilities
    if training is None or answers is None or not ((answers >= 0) & (answers <= 1)).all():
        return
    for name in ("roc_auc", "log_loss"):
        expected = evidence.manifest.metrics.get(name)
        if expected is None:
            continue
        found, promised = measured(name, training.labels, answers), recorded(expected)
        lost = (
            promised.value - found.value if METRICS[name].higher_is_better else found.value - promised.value
        )
        if lost > _SURE * math.hypot(found.error, promised.error):
            yield (
                f"it answers its own training customers worse (a {METRICS[name].title} of {found.value:.3f}) "
                f"than training recorded ({promised.value:.3f}), so the graph is not what was trained"
            )
            return


def _doubts(evidence: Evidence) -> Iterator[str]:
    commit = evidence.manifest.lineage.git_commit
    if not commit:
        yield "nobody knows by which commit of the code it was trained"
    elif commit.endswith("+dirty"):
        yield "it was trained by code that was not committed"
