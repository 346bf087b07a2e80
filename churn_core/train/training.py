"""The train stage: from prepared customers to the candidate bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn_core import registry
from churn_core.bundle.io import Bundle, write_bundle
from churn_core.bundle.manifest import DerivedRef, Interval, Manifest, MemberRef
from churn_core.bundle.policy import check_costs, decision_policy
from churn_core.errors import TrainingError
from churn_core.features import Encoder, derived_features, read_columns, reference
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.metrics import METRICS
from churn_core.params import Params
from churn_core.protocols import Member, Progress, TrainedModel, Trainer, TrainingData
from churn_core.schemas import SchemaSpec
from churn_core.train.band import fit_band
from churn_core.train.blend import blend, to_log_odds
from churn_core.train.calibrate import calibrate, calibrated_odds, cross_fitted
from churn_core.train.export import export_graph
from churn_core.train.folds import stratified_folds
from churn_core.train.leaderboard import LEADERBOARD, write_leaderboard
from churn_core.train.lineage import lineage
from churn_core.train.parity import check_parity
from churn_core.train.prepared import Prepared, load_prepared
from churn_core.train.reasons import export_reasons
from churn_core.train.scaling import final_model
from churn_core.train.steadiness import spread_of_fits

__all__ = ["CANDIDATE", "Silent", "train"]

CANDIDATE = Path("models/candidate")

_METRICS = ("roc_auc", "pr_auc", "log_loss", "brier")


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int, what: str) -> None: ...

    def step(self, what: str) -> None: ...


def train(params: Params, root: Path, trainer: Trainer, progress: Progress) -> Bundle:
    """See `churn_core.train.run`."""
    spec: SchemaSpec = registry.get("schemas", params.schema_name).spec
    check_costs(params.costs, spec)
    encoder = Encoder(spec, derived_features(params.features.derived))
    prepared = load_prepared(root, spec, params)
    for folder in (root / CANDIDATE.parent, root / LEADERBOARD.parent):
        _check_writable(folder)
    data = _training_data(prepared, encoder, params)
    with threadpool_limits(1):  # sums in another order would give other bits
        trained: TrainedModel = trainer.train(data, params.train, progress)
        packages = getattr(trainer, "packages", ())
        bundle = _assemble(params, root, prepared, encoder, data, trained, packages)
    write_leaderboard(root, trained.leaderboard)
    return bundle


def _check_writable(folder: Path) -> None:
    """Refuse before the training what would fail after it; a folder that is missing is not made yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with TemporaryFile(dir=existing):
            pass
    except NotADirectoryError:
        raise TrainingError(f"{folder} cannot be written: {existing} is no directory") from None
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}") from None


def _training_data(prepared: Prepared, encoder: Encoder, params: Params) -> TrainingData:
    table, labels = prepared.train
    raw = read_columns(prepared.spec, table).raw
    fold = stratified_folds(labels, params.train.folds, params.train.seed)
    return TrainingData(encoder.encode(raw), labels, fold, encoder.names, params.train.seed)


def _assemble(
    params: Params,
    root: Path,
    prepared: Prepared,
    encoder: Encoder,
    data: TrainingData,
    trained: TrainedModel,
    packages: Sequence[str],
) -> Bundle:
    """Calibrate, export, compare with the estimators, and write."""
    members = trained.members
    weights = [member.weight for member in members]
    odds = blend([to_log_odds(member.out_of_fold) for member in members], weights)
    calibration = calibrate(params.train.calibration, odds, data.labels, data.seed)
    graph = export_graph(members, calibration, len(encoder.names))
    holdout = encoder.encode(read_columns(prepared.spec, prepared.holdout_features).raw)
    parity = check_parity(graph, members, calibration, np.concatenate([data.matrix, holdout]))
    raw = read_columns(prepared.spec, prepared.train.table).raw
    typical = reference(raw)
    spread = spread_of_fits(members, calibration, odds, data)
    reasons, about = export_reasons(members, calibration, encoder, raw, graph)
    manifest = Manifest(
        name=params.mlflow.model,
        schema=prepared.spec,
        schema_fingerprint=prepared.spec.fingerprint,
        features=encoder.names,
        derived=_derived(params.features.derived),
        reference=typical,
        trainer=params.train.trainer,
        members=tuple(_ref(member) for member in members),
        calibration=calibration,
        band=fit_band(calibrated_odds(calibration, odds), data.labels, params.train.interval, spread),
        decision=decision_policy(params.costs, typical),
        metrics=_metrics(calibration.method, odds, data),
        parity=parity,
        lineage=lineage(params, prepared, [*packages, *map(_package, members)], root),
        reasons=about,
    )
    return write_bundle(root / CANDIDATE, manifest, graph, reasons)


def _metrics(method: str, odds: NDArray[np.float64], data: TrainingData) -> dict[str, Interval]:
    p = cross_fitted(method, odds, data.labels, data.fold)
    return bootstrap(data.labels, p, {name: METRICS[name] for name in _METRICS}, seed=data.seed)


def _derived(names: Sequence[str]) -> tuple[DerivedRef, ...]:
    return tuple(DerivedRef(name=name, version=part.version) for name, part in derived_features(names))


def _ref(member: Member) -> MemberRef:
    settings = {name: str(value) for name, value in sorted(member.hyper_parameters.items())}
    return MemberRef(name=member.name, weight=member.weight, hyper_parameters=settings)


def _package(member: Member) -> str:
    package = type(final_model(member.estimator)).__module__.partition(".")[0]
    return {"sklearn": "scikit-learn"}.get(package, package)
