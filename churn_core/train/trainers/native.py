"""The trainer without PyCaret: the same models and folds, on current scikit-learn."""

from __future__ import annotations

from churn_core.params import TrainParams
from churn_core.protocols import LeaderboardRow, Progress, TrainedModel, TrainingData
from churn_core.train.candidates import (
    NOT_STARTED,
    WORTHWHILE,
    Candidate,
    Deadline,
    cross_validate,
    ensemble,
    failed_row,
    leaderboard_row,
    nothing_stands,
)
from churn_core.train.choose import choose
from churn_core.train.models import check_models, draws

__all__ = ["NativeTrainer"]


class NativeTrainer:
    """Cross-validates the named models, tunes the best by random search, and blends them."""

    def train(self, data: TrainingData, params: TrainParams, progress: Progress) -> TrainedModel:
        check_models(params.models)
        deadline = Deadline(params.budget_seconds)
        most = min(params.blend, len(params.models))
        progress.start(len(params.models) + most * params.tune + 1, "comparing models")
        candidates, failed = _compare(data, params, deadline, progress)
        best = choose(candidates, data.labels, params.blend)
        chosen = [_tuned(one, data, params, deadline, progress) for one in best]
        progress.step("fitting on all training rows")
        others = [leaderboard_row(one.name, one.scores, one.seconds) for one in candidates if one not in best]
        return ensemble(chosen, data, [*others, *failed])


def _compare(
    data: TrainingData, params: TrainParams, deadline: Deadline, progress: Progress
) -> tuple[list[Candidate], list[LeaderboardRow]]:
    candidates: list[Candidate] = []
    failed: list[LeaderboardRow] = []
    for name in params.models:
        if deadline.passed():
            failed.append(failed_row(name, NOT_STARTED))
            continue
        progress.step(name)
        try:
            candidates.append(cross_validate(name, {}, data))
        except Exception as error:  # noqa: BLE001 - each library fails in its own ways
            failed.append(failed_row(name, f"failed: {type(error).__name__}: {error}"))
    if not candidates:
        raise nothing_stands(failed)
    return candidates, failed


def _tuned(
    candidate: Candidate, data: TrainingData, params: TrainParams, deadline: Deadline, progress: Progress
) -> Candidate:
    """What a random search finds, if it is clearly better than the candidate."""
    best = candidate
    for changes in draws(candidate.name, params.tune, params.seed):
        if deadline.passed():
            break
        progress.step(f"tuning {candidate.name}")
        tried = cross_validate(candidate.name, changes, data)
        best = min(best, tried, key=lambda one: one.loss)
    return best if best.loss < candidate.loss - WORTHWHILE else candidate
