"""The stage `evaluate`: from the candidate bundle to numbers, figures, predictions and a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import churn_core
from churn_core.bundle import Manifest, Scorer
from churn_core.errors import StageError
from churn_core.gate.metrics import Metric, Sample, confusion
from churn_core.params import Params
from churn_core.protocols import Progress
from churn_core.train.evaluation import curves
from churn_core.train.evaluation.figures import FIGURES, draw
from churn_core.train.evaluation.holdout import CANDIDATE, Holdout, open_holdout
from churn_core.train.evaluation.importance import importance
from churn_core.train.evaluation.numbers import METRICS_FILE, Numbers
from churn_core.train.evaluation.style import to_png
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

    Writes `metrics/metrics.json`, `plots/*.json`, `figures/*.png`, `predictions.parquet` and
    `report.html` below `outputs/`. The same bundle, data and leaderboard give the same bytes.

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
    _write_figures(folder, numbers)
    from churn_core.train.report.build import write_report  # it imports this package

    step("report")
    write_report(folder, scorer.bundle)
    return Evaluation(scorer.bundle, numbers, folder)


def measure(scorer: Scorer, holdout: Holdout) -> Numbers:
    """All numbers about one scored hold-out."""
    manifest, policy = scorer.bundle, scorer.bundle.decision
    labels, probabilities, values = holdout.labels, holdout.probabilities, policy.values(holdout.raw)
    sample = Sample(labels, probabilities, values)
    cells = confusion(sample, sample.counts(), policy.threshold_of(sample.values))
    metrics = metrics_content(manifest, labels, probabilities, values=values)
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
        "slices": slices(holdout.raw, labels, probabilities),
        "importance": importance(holdout.raw, labels, scorer.probabilities),
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
    columns = {
        "customer_id": pa.array(holdout.ids, pa.string()),
        "label": pa.array(holdout.labels, pa.int8()),
        "probability": pa.array(holdout.probabilities, pa.float64()),
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")


def _write_figures(folder: Path, numbers: Numbers) -> None:
    (folder / FIGURES_FOLDER).mkdir(exist_ok=True)
    for name in FIGURES:
        (folder / FIGURES_FOLDER / f"{name}.png").write_bytes(to_png(draw(name, numbers)))
