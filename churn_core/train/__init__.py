"""From raw customers to a candidate bundle. Heavy packages are imported only below here."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from churn_core import registry

if TYPE_CHECKING:
    from churn_core.bundle import Bundle
    from churn_core.params import Params
    from churn_core.protocols import Progress, Trainer

__all__ = ["run"]


def run(params: Params, root: str | Path = ".", progress: Progress | None = None) -> Bundle:
    """Train, calibrate and export the candidate bundle from prepared customers.

    Reads `data/prepared`, writes `models/candidate` and `outputs/leaderboard.csv` and `.json`
    below `root`. Equal input gives an equal bundle, byte for byte. Of the hold-out only
    features are read, to compare graph and estimators on them; its labels are not.

    Raises:
        DataError: Nothing was prepared for this schema, or from another data set or split.
        ExportError: A model has no exact ONNX form.
        ParamsError: `train.models` names a model that cannot be used here.
        PluginError: Schema, trainer or a derived feature is missing or broken.
        TrainingError: No model could be fitted, or its outputs cannot be written.
    """
    trainer: Trainer = registry.get("trainers", params.train.trainer)()
    with trainer if isinstance(trainer, AbstractContextManager) else nullcontext():
        from churn_core.train.training import Silent, train

        return train(params, Path(root), trainer, progress or Silent())
