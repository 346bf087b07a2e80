"""PyCaret's experiment, set up with our folds and our scaler, and nothing of its own preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit

from churn_core.train.scaling import PowerOfTwoScaler

__all__ = ["set_up"]

_LABEL = "label"


def set_up(
    experiment: Any,
    matrix: NDArray[np.float32],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    seed: int,
) -> None:
    """Tell a `ClassificationExperiment` what to compare on."""
    frame = pd.DataFrame(matrix, columns=[f"f{index}" for index in range(matrix.shape[1])])
    frame[_LABEL] = labels
    experiment.setup(
        data=frame,
        target=_LABEL,
        # PyCaret wants rows to test on, or splits some off: these are training rows, and tell nothing.
        test_data=frame[fold == 0],
        index=False,
        preprocess=False,
        custom_pipeline=[("scale", PowerOfTwoScaler())],
        fold_strategy=PredefinedSplit(fold),
        session_id=seed,
        n_jobs=1,
        memory=False,
        html=False,
        verbose=False,
        system_log=False,
        log_experiment=False,
    )
