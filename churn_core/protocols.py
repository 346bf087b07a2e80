"""What each kind of plugin provides. See `churn_core.registry` for how one is found.

Every plugin is a class. Classes of all groups but `schemas` are instantiated without
arguments, except datasets, checks and trainers, which take their options from
`params.yaml` as keyword arguments and validate them (a frozen pydantic model does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn_core.bundle.scorer import Scorer
    from churn_core.features.raw import RawTable
    from churn_core.gate.evidence import Evidence
    from churn_core.gate.verdict import CheckResult
    from churn_core.params import TrainParams
    from churn_core.schemas.spec import SchemaSpec

__all__ = [
    "Check",
    "Dataset",
    "DerivedFeature",
    "LeaderboardRow",
    "Member",
    "Progress",
    "Store",
    "TrainedModel",
    "Trainer",
    "TrainingData",
]


@runtime_checkable
class Dataset(Protocol):
    """Where customers with known outcomes come from.

    Attributes:
        schema: Name of the schema that the rows follow; empty where any schema may.
    """

    schema: ClassVar[str]

    def fetch(self, folder: Path, root: Path) -> Path:
        """Write the data as one CSV, JSON-lines or Parquet file into `folder`, as it circulates.

        Args:
            folder: Where to write; exists and is empty.
            root: The project's folder, for relative paths in options.
        """
        ...


@runtime_checkable
class DerivedFeature(Protocol):
    """Further columns computed from a customer's fields, row by row and without fitting.

    `version` goes into bundles; raise it whenever a value could change. Use only operations
    that IEEE 754 rounds correctly (`+ - * /`, `sqrt`, comparisons) on whole columns, so that
    one row gives the same bits as many, on any machine.
    """

    version: ClassVar[int]

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        """Names of the columns that `compute` returns for this schema; empty if it has no use here."""
        ...

    def compute(self, raw: RawTable) -> Sequence[NDArray[np.float64]]:
        """The columns, each of shape `[rows]`."""
        ...


@dataclass(frozen=True)
class TrainingData:
    """What a trainer may see: never a hold-out row.

    Attributes:
        matrix: float32, `[rows, features]`.
        labels: int64, `[rows]`, 1 for churn.
        fold: int64, `[rows]`: the fold in which a row is tested, 0 to `folds - 1`.
        names: Feature names, one per column.
    """

    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    fold: NDArray[np.int64]
    names: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Member:
    """One fitted model of an ensemble.

    Attributes:
        name: The model's id in `params.yaml`, such as `lightgbm`.
        estimator: Fitted on all of `TrainingData`; `predict_proba(matrix)` gives `[rows, 2]`.
        weight: Its weight in the mean of the members' log-odds; weights sum to 1.
        out_of_fold: float64 `[rows]`: probability of each row from a fit that has not seen it.
    """

    name: str
    estimator: Any
    weight: float
    out_of_fold: NDArray[np.float64]
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class LeaderboardRow:
    """One compared model: means over the folds, standard errors in `spread`.

    Attributes:
        metrics: `roc_auc`, `log_loss`, `brier`, `accuracy` and `f1`; empty if it failed.
        seconds: What its cross-validation took.
        weight: Its weight in the ensemble; 0 if it was not chosen.
        note: Tuned hyper-parameters, or why it failed.
    """

    model: str
    metrics: Mapping[str, float]
    spread: Mapping[str, float]
    seconds: float
    chosen: bool = False
    weight: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class TrainedModel:
    """A trainer's result: a weighted ensemble of one or more members, before calibration."""

    members: tuple[Member, ...]
    leaderboard: tuple[LeaderboardRow, ...]


class Progress(Protocol):
    """How long work tells how far it is."""

    def start(self, total: int, what: str) -> None: ...

    def step(self, what: str) -> None: ...


class Trainer(Protocol):
    """Chooses and fits a model.

    One that is a context manager is entered before data are read, to start what takes long.
    """

    def train(self, data: TrainingData, params: TrainParams, progress: Progress) -> TrainedModel:
        """Fit.

        Raises:
            TrainingError: No model could be fitted.
        """
        ...


class Check(Protocol):
    """One question that the gate asks of a candidate."""

    def check(self, evidence: Evidence) -> CheckResult:
        """The answer, with numbers and a sentence that a manager understands."""
        ...


class Store(Protocol):
    """Finds bundles by reference.

    Attributes:
        scheme: References start with it, as `models:/`; empty for folders.
    """

    scheme: ClassVar[str]

    def fetch(self, ref: str) -> tuple[Path, str]:
        """The folder of the bundle, and its version in the store.

        Raises:
            BundleError: There is no such bundle.
            RegistryError: The registry does not answer.
        """
        ...


class Sink(Protocol):
    """Receives what a service answered, for monitoring."""

    def write(self, records: Sequence[Mapping[str, Any]]) -> None: ...


class Engine(Protocol):
    """Scores a whole customer base."""

    def score(self, scorer: Scorer, source: str, target: str, options: Mapping[str, Any]) -> None: ...
