"""`manifest.json`: all that a bundle is, apart from the graph."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, cast

from pydantic import Field, ValidationError

from churn_core.bundle.band import ProbabilityBand
from churn_core.bundle.policy import DecisionPolicy
from churn_core.errors import BundleError
from churn_core.features.reference import FieldReference
from churn_core.schemas import SchemaSpec
from churn_core.schemas.rules import Frozen, added

__all__ = [
    "FORMAT",
    "Calibration",
    "CalibrationScore",
    "DerivedRef",
    "FileRef",
    "Interval",
    "Lineage",
    "Manifest",
    "MemberRef",
    "Parity",
    "ReasonsRef",
    "canonical_json",
]

FORMAT = 1


class DerivedRef(Frozen):
    """A derived feature by name and version; the code comes from the installed plugin."""

    name: str
    version: int


class MemberRef(Frozen):
    """One model of the ensemble in the graph."""

    name: str
    weight: float
    hyper_parameters: dict[str, str] = {}


class CalibrationScore(Frozen):
    """How a method of calibration fared in cross-validation on training customers.

    Attributes:
        log_loss: Mean over customers and partitions.
        behind: By how much that is worse than the best method's.
        standard_error: Of `behind`, from each customer's difference.
    """

    method: str
    log_loss: float
    behind: float
    standard_error: float


class Calibration(Frozen):
    """`probability = sigmoid(slope * s + bend * log(1 + e^s) + intercept)`, s = logit(score).

    Fitted out of fold. `none` has slope 1 and intercept 0; only `beta` has a bend: its a is
    `slope`, its b `slope + bend`.

    Attributes:
        compared: What the method was chosen by; empty where it was named in the parameters.
    """

    method: Literal["beta", "platt", "none"]
    slope: float
    intercept: float
    bend: float = added(0.0)
    compared: tuple[CalibrationScore, ...] = added(())


class Interval(Frozen):
    """A metric with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Parity(Frozen):
    """Largest difference in probability between the graph and the fitted estimators."""

    rows: int
    max_difference: float
    tolerance: float


class Lineage(Frozen):
    """Where a bundle comes from.

    Attributes:
        parent: Digest of the bundle that this one was made from by a change of policy; empty where
            it was trained.
        train_digest: SHA-256 of the training rows with their labels.
        holdout_digest: SHA-256 of the hold-out's customers, without their labels.
        params_digest: SHA-256 of the parameters that training depends on.
        git_commit: Commit of the code, with `+dirty` where files differed; empty outside git.
    """

    parent: str = added("")
    dataset: str
    train_digest: str
    train_rows: int
    churn_rate: float
    holdout_digest: str
    holdout_rows: int
    split_seed: int
    params_digest: str
    git_commit: str = ""
    libraries: dict[str, str] = {}


class ReasonsRef(Frozen):
    """What is to know about `reasons.onnx`.

    Attributes:
        base: Mean log-odds of the training customers; with a customer's shares it adds up to
            his log-odds.
        stand_ins: Members whose log-odds are no plain sum, or one of too large trees. What is
            shared out is what small trees say that were fitted to them.
        gap: What shares lacked of the log-odds on training customers, root mean square, before
            it was spread over them: the rounding of float32, the misfit of stand-ins, or what a
            bent calibration departs from a straight line.
    """

    base: float
    stand_ins: tuple[str, ...] = ()
    gap: float


class FileRef(Frozen):
    """A file of the bundle and its digest."""

    name: str
    sha256: str
    size: int


class Manifest(Frozen):
    """The bundle as data.

    Attributes:
        features: Names of the columns of the graph's input, in order.
        band: How sure probabilities are; `None` in bundles that do not say.
        metrics: Out-of-fold estimates on training rows. What the hold-out says stands in
            `metrics.json`: a bundle does not depend on hold-out labels.
        reasons: Of bundles that bring `reasons.onnx`.
        digest: SHA-256 of this manifest with an empty digest; it covers the graph by `files`.
    """

    format: Literal[1] = FORMAT
    name: str
    schema_spec: SchemaSpec = Field(alias="schema")
    schema_fingerprint: str
    features: tuple[str, ...]
    derived: tuple[DerivedRef, ...] = ()
    reference: tuple[FieldReference, ...]
    trainer: str
    members: tuple[MemberRef, ...]
    calibration: Calibration
    band: ProbabilityBand | None = added(None)
    decision: DecisionPolicy
    metrics: dict[str, Interval]
    parity: Parity
    lineage: Lineage
    reasons: ReasonsRef | None = added(None)
    files: tuple[FileRef, ...] = ()
    digest: str = ""

    def sealed(self) -> Manifest:
        """This manifest with its digest filled in."""
        return self.model_copy(update={"digest": self._content_digest()})

    def is_sealed(self) -> bool:
        return self.digest == self._content_digest()

    def to_bytes(self) -> bytes:
        """The one spelling of this manifest that readers accept."""
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    @staticmethod
    def from_bytes(data: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            BundleError: It is not JSON, of an unknown format, or not exactly as written.
        """
        try:
            content: Any = json.loads(data)
        except (ValueError, RecursionError):
            raise BundleError("manifest.json is not valid JSON") from None
        found = cast("dict[str, Any]", content).get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise BundleError(f"manifest.json has format {found!r}; this version reads format {FORMAT}")
        try:
            manifest = Manifest.model_validate_json(data)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise BundleError(f"manifest.json does not fit format {FORMAT} at {place!r}") from None
        if manifest.to_bytes() != data or not manifest.is_sealed():
            raise BundleError("manifest.json was changed after it was written: its digest does not fit")
        return manifest

    def _content_digest(self) -> str:
        content = self.model_copy(update={"digest": ""})
        return hashlib.sha256(content.to_bytes()).hexdigest()


def canonical_json(content: Any) -> bytes:
    """JSON with sorted keys and a fixed layout, so that equal content has equal bytes."""
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()
