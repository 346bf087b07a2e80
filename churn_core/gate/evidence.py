"""What the checks of a gate look at: two bundles and the same customers for both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle import Manifest, Scorer, fetch_bundle, read_bundle
from churn_core.errors import BundleError, ChurnError, DataError, FeatureError
from churn_core.features import RawTable, read_columns
from churn_core.gate.compare import Rivals
from churn_core.params import GateParams

__all__ = ["Contender", "EvaluationData", "Evidence", "contender", "open_contender"]


@dataclass(frozen=True)
class EvaluationData:
    """Customers with known outcomes: those held out, or those to fit on.

    Attributes:
        columns: `columns[name]` gives a column of canonical values for every field of the
            schema: an Arrow table, a frame or a dict of arrays.
        labels: int64 `[rows]`, 1 for churn.
        customers_digest: SHA-256 of the customers, as `Lineage.holdout_digest` has it; of those to
            fit on with their outcomes, as `Lineage.train_digest` has it.
        split_seed: Seed of the split that put the customers on their side.
    """

    columns: Any
    labels: NDArray[np.int64]
    customers_digest: str
    split_seed: int

    def __post_init__(self) -> None:
        if not len(self.labels):
            raise DataError("there are no customers to judge a model on")
        if not np.isin(self.labels, (0, 1)).all():
            raise DataError("labels must be 0 or 1")
        if len(np.unique(self.labels)) < 2:
            outcome = "churned" if self.labels[0] else "stayed"
            raise DataError(
                f"all {len(self.labels)} customers to judge on {outcome}: both outcomes are needed"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of customers and outcomes."""
        labels = self.labels.astype("<i8").tobytes()
        return hashlib.sha256(self.customers_digest.encode() + b";" + labels).hexdigest()


@dataclass(frozen=True)
class Contender:
    """A bundle before the gate: open, or with the reason why it cannot be opened.

    Attributes:
        digest: The bundle's digest; empty where it cannot be told.
        manifest: `None` where it cannot be read.
        scorer: `None` where the bundle cannot be opened.
        problem: Why there is no scorer; empty where there is one.
    """

    digest: str
    manifest: Manifest | None
    scorer: Scorer | None
    problem: str = ""

    def opened(self, who: str) -> Scorer:
        """The scorer.

        Raises:
            BundleError: There is none, with the reason.
        """
        if self.scorer is None:
            raise BundleError(f"{who} cannot be opened: {self.problem}")
        return self.scorer

    def table(self, columns: Any, who: str) -> RawTable:
        """The customers as this bundle reads them.

        Raises:
            BundleError: The bundle is not open, or refuses some of the customers.
            FeatureError: A field has no column.
        """
        read = read_columns(self.opened(who).bundle.schema_spec, columns)
        if not read.valid.all():
            fields = ", ".join(sorted({problem.field for problem, _ in read.faults}))
            refused = int((~read.valid).sum())
            raise BundleError(f"{who} refuses {refused} of {len(read.valid)} customers because of: {fields}")
        return read.raw


def contender(scorer: Scorer) -> Contender:
    """An open bundle as a contender."""
    return Contender(scorer.bundle.digest, scorer.bundle, scorer)


def open_contender(ref: str | Path, version: str = "local") -> Contender:
    """Open a bundle; where that fails, the contender says why.

    Args:
        ref: A folder, or any reference that a store knows.

    Raises:
        BundleError: There is nothing at `ref`.
        RegistryError: The registry does not answer.
    """
    folder, version = (ref, version) if isinstance(ref, Path) else fetch_bundle(ref)
    try:
        bundle = read_bundle(folder, version)
    except ChurnError as error:
        return Contender("", None, None, str(error))
    try:
        return contender(Scorer(bundle))
    except ChurnError as error:
        return Contender(bundle.manifest.digest, bundle.manifest, None, str(error))
    except Exception as error:  # noqa: BLE001 - a graph can fail in any way that its runtime has
        problem = f"it does not answer ({type(error).__name__})"
        return Contender(bundle.manifest.digest, bundle.manifest, None, problem)


@dataclass(frozen=True)
class Evidence:
    """What one judgement rests on; probabilities are computed once, when first asked for.

    Attributes:
        champion: The model in production; `None` for the first one.
        data: The customers that were held out.
        training: The customers that the candidate may have been fitted on; `None` where they are
            not at hand.
        looks: How many other bundles are known to have been judged on `data`; `None` where nobody
            counts.
    """

    candidate: Contender
    champion: Contender | None
    data: EvaluationData
    policy: GateParams
    training: EvaluationData | None = None
    looks: int | None = None

    @property
    def manifest(self) -> Manifest:
        """The candidate's manifest."""
        return self.candidate.opened("the candidate").bundle

    @property
    def labels(self) -> NDArray[np.int64]:
        """Outcomes, int64 `[rows]`, 1 for churn."""
        return self.data.labels

    @cached_property
    def raw(self) -> RawTable:
        """The customers as the candidate reads them."""
        return self.candidate.table(self.data.columns, "the candidate")

    @cached_property
    def training_raw(self) -> RawTable | None:
        """The customers to fit on as the candidate reads them; `None` where they are not at hand."""
        return None if self.training is None else self.candidate.table(self.training.columns, "the candidate")

    @cached_property
    def training_probabilities(self) -> NDArray[np.float64] | None:
        """The candidate's probabilities for the customers to fit on, `[rows]`."""
        if self.training_raw is None:
            return None
        return _probabilities(self.candidate.opened("the candidate"), self.training_raw)

    def ask_again(self) -> NDArray[np.float64]:
        """The candidate's probabilities, computed anew, `[rows]`."""
        return _probabilities(self.candidate.opened("the candidate"), self.raw)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """The candidate's probabilities, `[rows]`.

        Raises:
            BundleError: It does not answer for all of the customers.
        """
        return self.ask_again()

    @cached_property
    def champion_probabilities(self) -> NDArray[np.float64]:
        """The champion's probabilities on the same customers, `[rows]`.

        Raises:
            BundleError: There is no champion, or it does not answer for all of the customers.
            FeatureError: The champion asks for a field that the data do not have.
        """
        if self.champion is None:
            raise BundleError("there is no champion")
        raw = self.champion.table(self.data.columns, "the champion")
        return _probabilities(self.champion.opened("the champion"), raw)

    @cached_property
    def rivals(self) -> Rivals:
        """Candidate and champion on the same customers, both under the candidate's prices.

        Raises:
            BundleError: See `champion_probabilities`; or the champion's answers are no probabilities.
            FeatureError: See `champion_probabilities`.
            DataError: The candidate's answers are no probabilities.
        """
        policy = self.manifest.decision  # of the candidate, whose prices are to hold from now on
        champion = self.champion_probabilities
        if not _are_probabilities(champion):
            raise BundleError("the champion's answers are no probabilities")
        return Rivals(self.labels, self.sound_probabilities, champion, policy, policy.values(self.raw))

    @property
    def comparison(self) -> Rivals | None:
        """The rivals, if there is a champion that can be asked."""
        try:
            return self.rivals
        except (BundleError, FeatureError):
            return None

    @property
    def sound_probabilities(self) -> NDArray[np.float64]:
        """The candidate's probabilities, for checks that compute with them.

        Raises:
            DataError: Some of its answers are no probabilities.
        """
        if not _are_probabilities(self.probabilities):
            raise DataError("some of the candidate's answers are no probabilities")
        return self.probabilities


def _are_probabilities(answers: NDArray[np.float64]) -> bool:
    return bool(((answers >= 0) & (answers <= 1)).all())


def _probabilities(scorer: Scorer, raw: RawTable) -> NDArray[np.float64]:
    return scorer.probabilities(raw).astype(np.float64)
