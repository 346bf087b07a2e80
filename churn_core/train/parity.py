"""Does the graph give the probabilities of the estimators it was written from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from churn_core.bundle.manifest import Calibration, Parity
from churn_core.bundle.session import Graph
from churn_core.errors import ExportError
from churn_core.protocols import Member
from churn_core.train.blend import blended_log_odds
from churn_core.train.calibrate import NONE, calibrated
from churn_core.train.export import export_graph

__all__ = ["TOLERANCE", "check_parity"]

TOLERANCE = 1e-6


def check_parity(
    graph: bytes, members: Sequence[Member], calibration: Calibration, matrix: NDArray[np.float32]
) -> Parity:
    """Compare graph and fitted estimators on every row.

    Raises:
        ExportError: They differ by more than `TOLERANCE`; the message names the member that does.
    """
    difference = _difference(graph, members, calibration, matrix)
    if difference > TOLERANCE:
        raise ExportError(_culprit(members, matrix, difference))
    return Parity(rows=len(matrix), max_difference=difference, tolerance=TOLERANCE)


def _difference(
    graph: bytes, members: Sequence[Member], calibration: Calibration, matrix: NDArray[np.float32]
) -> float:
    served = Graph(graph, matrix.shape[1])(matrix).astype(np.float64)
    fitted = calibrated(calibration, blended_log_odds(members, matrix))
    return float(np.abs(served - fitted).max())


def _culprit(members: Sequence[Member], matrix: NDArray[np.float32], difference: float) -> str:
    alone = [(_alone(member, matrix), member.name) for member in members]
    worst, name = max(alone)
    if worst <= TOLERANCE:
        worst, name = difference, " + ".join(member.name for member in members)
    return (
        f"model {name!r} cannot be exported exactly: graph and estimator differ by {worst:.1g} "
        f"in probability, more than {TOLERANCE:g}"
    )


def _alone(member: Member, matrix: NDArray[np.float32]) -> float:
    single = (replace(member, weight=1.0),)
    return _difference(export_graph(single, NONE, matrix.shape[1]), single, NONE, matrix)
