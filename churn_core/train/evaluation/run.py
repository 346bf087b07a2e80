"""The stage `evaluate`: from the candidate bundle to numbers, figures, predictions and a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import churn_core
from churn_core.bundle import Manifest, Scorer
from churn_core.bundle.band import BandReader
from churn_core.errors import StageError
from churn_core.gate.metrics import Metric, Sample, confusion
from churn_core.params import Params
from churn_core.protocols import Progress
from churn_core.train.evaluation import curves
from churn_core.train.evaluation.campaign import capacity, given
from churn_core.train.evaluation.drivers import drivers
from churn_core.train.evaluation.figures import draw, drawable
from churn_core.train.evaluation.holdout import CANDIDATE, Holdout, open_holdout
from churn_core.train.evaluation.importance import importance
from churn_core.train.evaluation.numbers import METRICS_FILE, Numbers
from churn_core.train.evaluation.offers import offers
from churn_core.train.evaluation.style import to_png, to_svg
from churn_core.train.evaluation.tables import deciles, headline, metrics_content, risk_levels, slices

__all__ = ["OUTPUTS", "Evaluation", "evaluate"]

OUTPUTS = Path("outputs")
FIGURES_FOLDER = Path("figures")


@dataclass(frozen=True)
class Evaluation:
    """What the hold-out says of a bundle.

    Attributes:
        manifest: The bundle that was evaluated.
        numbers: Content of `metrics.json` and of the files in `plots/`.
        folder: Where all of it was written.
    """

    manifest: Manifest
    numbers: Numbers
    folder: Path

    @property
    def headline(self) -> dict[str, Metric]:
        """The metrics of `metrics.json`, in its order."""
        return headline(self.manifest.decision)

    @property
    def metrics_file(self) -> Path:
        return self.folder / METRICS_FILE

    @property
    def figures(self) -> Path:
        return self.folder / FIGURES_FOLDER

    @property
    def report(self) -> Path:
        return self.folder / "report.html"


def evaluate(params: Params, root: str | Path = ".", progress: Progress | None = None) -> Evaluation:
    """Evaluate `models/candidate` on the hold-out, as it will be served.

    Writes `metrics/metrics.json`, `plots/*.json`, `figures/*.png`, `predictions.parquet`,
    `report.html` and `report.md` below `outputs/`. The same bundle, data and leaderboard give the same bytes.

    Args:
        root: The project's folder.

    Raises:
        BundleError: The candidate is damaged.
        DataError: The data was not prepared.
        StageError: There is no candidate, or it does not belong to the prepared data.
    """
    root = Path(root)
    if not (root / CANDIDATE).is_dir():
        raise StageError(f"{CANDIDATE} does not exist; run `churn train` first")
    scorer = churn_core.load(str(root / CANDIDATE))
    folder = root / OUTPUTS
    step = _steps(progress)
    step("scoring the hold-out")
    holdout = open_holdout(params, root, scorer)
    step("bootstrap intervals")
    numbers = measure(scorer, holdout)
    numbers.write(folder)
    _write_predictions(folder, holdout)
    step("figures")
    figures = _write_figures(folder, numbers)
    from churn_core.train.report.build import write_report  # it imports this package

    step("report")
    write_report(folder, scorer.bundle, figures)
    return Evaluation(scorer.bundle, numbers, folder)


def measure(scorer: Scorer, holdout: Holdout) -> Numbers:
    """All numbers about one scored hold-out."""
    manifest, policy = scorer.bundle, scorer.bundle.decision
    labels, probabilities, values = holdout.labels, holdout.probabilities, policy.values(holdout.raw)
    sample = Sample(labels, probabilities, values)
    cells = confusion(sample, sample.counts(), policy.threshold_of(sample.values))
    metrics = metrics_content(manifest, labels, probabilities, values=values)
    band = BandReader(manifest.band) if manifest.band else None
    gains = curves.gains(sample, policy)
    tables = {
        "roc": curves.roc(sample),
        "pr": curves.pr(sample),
        "confusion": curves.confusion_rows(cells),
        "calibration": curves.calibration(sample),
        "scores": curves.scores(sample),
        "gains": _two_columns(gains, "gain"),
        "lift": _two_columns(gains[1:], "lift"),
        "profit": _two_columns(gains, "profit"),
        "deciles": deciles(labels, probabilities, policy, values=values),
        "risk": risk_levels(labels, probabilities, policy, values),
        "capacity": capacity(labels, probabilities, policy, values),
        "given": given(labels, probabilities, band),
        "slices": slices(holdout.raw, labels, probabilities, policy, values),
        "importance": importance(holdout.raw, labels, scorer.probabilities),
        **drivers(scorer, holdout.raw),
        "offers": offers(scorer, holdout.raw, probabilities, values),
    }
    return Numbers(metrics, tables)


def _steps(progress: Progress | None) -> Callable[[str], None]:
    if progress is None:
        return lambda _: None
    progress.start(4, "evaluate")
    return progress.step


def _two_columns(rows: curves.Rows, name: str) -> curves.Rows:
    return [{"percent": row["percent"], name: row[name]} for row in rows]


def _write_predictions(folder: Path, holdout: Holdout) -> None:
    labels, probabilities = holdout.labels.astype(np.int8), holdout.probabilities.astype(np.float64)
    columns = [holdout.ids, _column(labels, pa.int8()), _column(probabilities, pa.float64())]
    table = pa.Table.from_arrays(columns, names=["customer_id", "label", "probability"])
    pq.write_table(table, folder / "predictions.parquet")


def _column(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """The values as they lie in memory; `pa.array` would import pandas to ask whether they are its own."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _write_figures(folder: Path, numbers: Numbers) -> dict[str, str]:
    """Write all figures as PNG; returns them as SVG, by name."""
    (folder / FIGURES_FOLDER).mkdir(exist_ok=True)
    drawn: dict[str, str] = {}
    for name in drawable(numbers):
        figure = draw(name, numbers)
        (folder / FIGURES_FOLDER / f"{name}.png").write_bytes(to_png(figure))
        drawn[name] = to_svg(figure)
    return drawn
