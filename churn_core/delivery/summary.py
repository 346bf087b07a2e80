"""A training in Markdown, for a pull request: verdict, metrics beside those of before, curves.

All numbers come from the files of `outputs/`; curves are drawn by whoever shows the Markdown (Mermaid).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from churn_core.errors import DataError
from churn_core.gate import headline, markdown, read_verdict

__all__ = ["MARK", "summary"]

# By which a comment is found again.
MARK = "<!-- churn summary -->"

_SHOWN = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "lift_10": "Lift of the first 10 %",
    "empc": "Expected maximum profit",
    "profit": "Profit at the threshold",
}
_LOWER_IS_BETTER = frozenset({"log_loss", "brier"})
_POINTS = 20


def summary(outputs: Path = Path("outputs"), base: Path | None = None, name: str = "the base branch") -> str:
    """The Markdown.

    Args:
        base: The `metrics.json` to compare with; `None`, or no such file, for none.
        name: What these are the metrics of.

    Raises:
        DataError: There is no evaluation in `outputs`, or a file is damaged.
    """
    metrics = _read(outputs / "metrics/metrics.json")
    before = _read(base) if base and base.is_file() else {}
    lines = [MARK, "# Churn model", "", *_verdict(outputs), *_metrics(metrics, before, name)]
    lines += [*_curves(outputs / "plots"), *_full_verdict(outputs)]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"there is no {path}: `churn evaluate` writes it") from None
    except ValueError:
        raise DataError(f"{path} is damaged: it is no JSON") from None


def _verdict(outputs: Path) -> Iterator[str]:
    path = outputs / "gate.json"
    if path.is_file():
        yield f"**{headline(read_verdict(path.read_bytes()))}**"
    else:
        yield "**The gate was not asked.**"
    yield ""


def _metrics(metrics: Mapping[str, Any], before: Mapping[str, Any], name: str) -> Iterator[str]:
    rows, churners = metrics["holdout_rows"], metrics["holdout_churners"]
    yield f"Schema `{metrics['schema']}`, data set `{metrics['dataset']}`."
    yield f"{rows:,} customers were held out, {churners:,} of them churned."
    yield ""
    yield f"| | Value | 95 % interval | {name[0].upper()}{name[1:]} | Difference |"
    yield "|---|---:|---:|---:|---:|"
    for key, title in _SHOWN.items():
        if key in metrics:
            yield _row(key, title, metrics[key], before.get(key))
    yield ""
    if not before:
        yield f"Nothing is known of {name}, so there is nothing to compare with."
    elif before.get("dataset") != metrics["dataset"] or before.get("holdout_rows") != rows:
        yield f"Careful: {name} was evaluated on other customers. The gate compares on the same ones."
    else:
        yield "Differences are those of two point estimates; the gate judges with paired intervals."
    yield ""


def _row(key: str, title: str, now: Mapping[str, float], then: Mapping[str, float] | None) -> str:
    cells = [title, f"{now['value']:.4f}", f"{now['low']:.4f} to {now['high']:.4f}"]
    if then is None:
        return f"| {' | '.join([*cells, '', ''])} |"
    difference = now["value"] - then["value"]
    better = difference < 0 if key in _LOWER_IS_BETTER else difference > 0
    judged = key != "calibration_slope" and abs(difference) >= 0.00005
    word = (" better" if better else " worse") if judged else ""
    cells += [f"{then['value']:.4f}", f"{difference:+.4f}{word}"]
    return f"| {' | '.join(cells)} |"


def _curves(plots: Path) -> Iterator[str]:
    roc, calibration = plots / "roc.json", plots / "calibration.json"
    if roc.is_file():
        rates = [(row["false_positive_rate"], row["true_positive_rate"]) for row in _read(roc)]
        yield from _chart(
            "ROC curve on the hold-out", "false positive rate", "true positive rate", [_even(rates)]
        )
    if calibration.is_file():
        rows = _read(calibration)
        lines = [[row["predicted"] for row in rows], [row["observed"] for row in rows]]
        yield from _chart(
            "Churn rate by tenth of customers: predicted, observed", "tenth", "churn rate", lines
        )


def _even(rates: Sequence[tuple[float, float]]) -> list[float]:
    """True positive rates at evenly spaced false positive rates, since Mermaid's axis is even."""
    grid = [step / _POINTS for step in range(_POINTS + 1)]
    return [max(true for false, true in rates if false <= at) for at in grid]


def _chart(title: str, x: str, y: str, lines: Sequence[Sequence[float]]) -> Iterator[str]:
    ends = (0, 1) if "rate" in x else (1, len(lines[0]))
    yield from ("```mermaid", "xychart-beta", f'    title "{title}"')
    yield f'    x-axis "{x}" {ends[0]} --> {ends[1]}'
    yield f'    y-axis "{y}" 0 --> 1'
    for line in lines:
        yield f"    line [{', '.join(f'{value:.3f}' for value in line)}]"
    yield from ("```", "")


def _full_verdict(outputs: Path) -> Iterator[str]:
    path = outputs / "gate.json"
    if path.is_file():
        yield from ("<details><summary>The verdict in full</summary>", "")
        yield markdown(read_verdict(path.read_bytes()))
        yield "</details>"
