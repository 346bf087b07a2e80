"""The gate as a stage of the project: which bundles, which customers, where the verdict goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from churn_core import registry
from churn_core.errors import BundleError
from churn_core.gate import Contender, EvaluationData, Verdict, judge, markdown, open_contender
from churn_core.params import Params
from churn_core.tracking.artifacts import open_version
from churn_core.tracking.client import connect
from churn_core.tracking.config import Tracking, tracking
from churn_core.tracking.looks import count_looks
from churn_core.tracking.register import BUNDLE
from churn_core.tracking.seals import check_key, seal
from churn_core.tracking.verdicts import store_verdict
from churn_core.tracking.versions import (
    CANDIDATE,
    SCHEME,
    Reference,
    Version,
    find_version,
    parse_reference,
    production_version,
)

if TYPE_CHECKING:
    from churn_core.train.prepared import Prepared

__all__ = ["NO_CHAMPION", "gate_candidate", "holdout", "training_customers"]

NO_CHAMPION = "none"
_JSON, _MARKDOWN, _SEAL = (Path(f"outputs/gate.{suffix}") for suffix in ("json", "md", "seal"))


def gate_candidate(params: Params, root: Path = Path(), candidate: str = "", champion: str = "") -> Verdict:
    """Judge a candidate on the project's hold-out.

    The verdict is written to `outputs/gate.json` and `outputs/gate.md`, its seal to
    `outputs/gate.seal`, and told in `outputs/report.html`; where the candidate is registered, they
    are stored beside its version.

    Args:
        candidate: A folder or a `models:/` reference; by default `models/candidate`, or the
            version with the alias `candidate` where there is no such folder.
        champion: The same, or `none`; by default the version in production, if there is one.

    Raises:
        BundleError: There is nothing at a reference.
        DataError: The data were not prepared.
        GateRefused: The signing key in the environment is none.
        PluginError: A check is not installed.
        ParamsError: A check does not take its options.
        RegistryError: The registry does not answer.
    """
    # Imported here: it asks for the packages of the report.
    from churn_core.train.report.verdict import tell_verdict

    where = tracking(params, root)
    check_key()
    contender, held = _candidate(where, root, candidate), holdout(params, root)
    verdict = judge(
        contender,
        _champion(where, champion),
        held,
        params.gate,
        training_customers(params, root),
        count_looks(where, held.customers_digest, contender.digest),
    )
    (root / _JSON).parent.mkdir(parents=True, exist_ok=True)
    (root / _JSON).write_bytes(verdict.to_bytes())
    (root / _MARKDOWN).write_text(markdown(verdict), encoding="utf-8")
    sealed = seal(verdict)
    (root / _SEAL).write_bytes(sealed.to_bytes())
    store_verdict(params, verdict, root, sealed)
    tell_verdict(root)
    return verdict


def holdout(params: Params, root: Path = Path()) -> EvaluationData:
    """The prepared hold-out with its outcomes.

    Raises:
        DataError: The data were not prepared, or for another schema, data set or split.
    """
    prepared = _prepared(params, root)
    part = prepared.holdout
    return EvaluationData(part.table, part.labels, prepared.holdout_digest, prepared.origin.seed)


def training_customers(params: Params, root: Path = Path()) -> EvaluationData:
    """The prepared customers to fit on, with their outcomes.

    Raises:
        DataError: The data were not prepared, or for another schema, data set or split.
    """
    prepared = _prepared(params, root)
    part = prepared.train
    return EvaluationData(part.table, part.labels, prepared.train_digest, prepared.origin.seed)


def _prepared(params: Params, root: Path) -> Prepared:
    # Imported here: opening a registered bundle must not ask for the packages of preparation.
    from churn_core.train.prepared import load_prepared

    return load_prepared(root, registry.get("schemas", params.schema_name).spec, params)


def _candidate(where: Tracking, root: Path, ref: str) -> Contender:
    if not ref and not (root / BUNDLE).is_dir():
        ref = str(Reference(where.model, alias=CANDIDATE))
    return _open(where, ref) if ref else open_contender(root / BUNDLE)


def _champion(where: Tracking, ref: str) -> Contender | None:
    if ref == NO_CHAMPION:
        return None
    if ref:
        return _open(where, ref)
    if where.database is not None and not where.database.exists():
        return None
    with connect(where) as client:
        version = production_version(client, where.model)
    return version and _open_version(where, version)


def _open(where: Tracking, ref: str) -> Contender:
    if ref.startswith(SCHEME):
        return _open_version(where, find_version(where, parse_reference(ref, where.model)))
    return open_contender(ref)


def _open_version(where: Tracking, version: Version) -> Contender:
    try:
        bundle = open_version(where, version)
    except BundleError as error:
        return Contender(version.digest, None, None, str(error))
    return open_contender(bundle.folder, version.version)
