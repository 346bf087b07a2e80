"""The figures of an evaluation, each drawn from the numbers that stand in its files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter

from churn_core.train.evaluation.curves import Rows
from churn_core.train.evaluation.driver_figures import dependence, shortened, swarm
from churn_core.train.evaluation.numbers import Numbers
from churn_core.train.evaluation.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    house_style,
    new_figure,
    percent,
    titled_figure,
)
from churn_core.train.evaluation.words import PERCENT, between, interval_words, money, share

__all__ = ["FIGURES", "drawable", "draw"]

_REFERENCE = {"color": MUTED, "linewidth": 1.0, "linestyle": (0, (4, 3))}
_MOST_FIELDS = 15


def drawable(numbers: Numbers) -> tuple[str, ...]:
    """The figures that there are numbers for: a bundle without reasons has none of those."""
    return tuple(name for name in FIGURES if numbers.tables.get(name, True))


def draw(name: str, numbers: Numbers) -> Figure:
    """One figure of `FIGURES`, laid out once for all files that are made of it."""
    with house_style():
        figure = FIGURES[name](numbers)
        layout: Any = figure.get_layout_engine()
        layout.execute(figure)
    figure.set_layout_engine("none")
    return figure


def roc(numbers: Numbers) -> Figure:
    figure, axes = new_figure("ROC curve", f"AUC {interval_words(numbers.metrics['roc_auc'])}")
    x, y = _columns(numbers.tables["roc"], "false_positive_rate", "true_positive_rate")
    axes.plot([0, 1], [0, 1], label="chance", **_REFERENCE)
    axes.plot(x, y, color=BLUE, label="model", clip_on=False)
    flagged = (numbers.metrics["false_positives"], numbers.metrics["true_negatives"])
    if sum(flagged) and numbers.metrics["recall"]["value"] is not None:
        point = flagged[0] / sum(flagged), numbers.metrics["recall"]["value"]
        axes.plot(*point, "o", color=ORANGE, markersize=6, label=_at_threshold(numbers), clip_on=False)
    _shares(axes, "Stayers flagged (false positive rate)", "Churners flagged (recall)")
    axes.legend(loc="lower right")
    return figure


def pr(numbers: Numbers) -> Figure:
    figure, axes = new_figure("Precision and recall", f"PR AUC {interval_words(numbers.metrics['pr_auc'])}")
    x, y = _columns(numbers.tables["pr"], "recall", "precision")
    axes.axhline(numbers.metrics["churn_rate"]["value"], label="churn rate of all", **_REFERENCE)
    axes.plot(x, y, color=BLUE, label="model", clip_on=False)
    if numbers.metrics["precision"]["value"] is not None:
        point = numbers.metrics["recall"]["value"], numbers.metrics["precision"]["value"]
        axes.plot(*point, "o", color=ORANGE, markersize=6, label=_at_threshold(numbers), clip_on=False)
    _shares(axes, "Share of churners flagged (recall)", "Flagged who churn (precision)")
    axes.legend(loc="upper right")
    return figure


def confusion(numbers: Numbers) -> Figure:
    figure, axes = new_figure("Confusion matrix", f"Customers of the hold-out, {_at_threshold(numbers)}", 3.2)
    rows = (
        ("churned", "true_positives", "false_negatives"),
        ("stayed", "false_positives", "true_negatives"),
    )
    for y, (_, *cells) in enumerate(rows):
        total = sum(numbers.metrics[cell] for cell in cells)
        for x, cell in enumerate(cells):
            part = numbers.metrics[cell] / total if total else 0.0
            axes.add_patch(Rectangle((x, y), 0.98, 0.97, color=BLUE, alpha=0.06 + 0.4 * part, linewidth=0))
            axes.text(x + 0.49, y + 0.36, f"{numbers.metrics[cell]:,}", ha="center", va="center", fontsize=17)
            words = f"{share(part)} of those\nwho {rows[y][0]}"
            axes.text(x + 0.49, y + 0.7, words, ha="center", va="center")
    axes.set(xlim=(0, 2), ylim=(2, 0), xticks=(0.49, 1.49), yticks=(0.49, 1.49))
    axes.set_xticklabels(("predicted to churn", "predicted to stay"), fontsize=9)
    axes.set_yticklabels([row[0] for row in rows], fontsize=9)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def calibration(numbers: Numbers) -> Figure:
    words = f"Calibration slope {interval_words(numbers.metrics['calibration_slope'], 2)}"
    figure = titled_figure("Do predicted probabilities come true?", words, 4.5)
    axes: Any
    below: Any
    axes, below = figure.subplots(2, sharex=True, height_ratios=(5, 1))
    predicted, observed, low, high = _columns(
        numbers.tables["calibration"], "predicted", "observed", "low", "high"
    )
    axes.plot([0, 1], [0, 1], label="perfect", **_REFERENCE)
    axes.errorbar(
        predicted,
        observed,
        yerr=_reach(observed, low, high),
        fmt="o",
        color=BLUE,
        markersize=5,
        elinewidth=1.2,
        capsize=2.5,
        label=f"a tenth of customers, 95{PERCENT} interval",
    )
    _shares(axes, "", "Share who churned")
    axes.legend(loc="upper left")
    _counts(below, numbers.tables["scores"])
    return figure


def gains(numbers: Numbers) -> Figure:
    tenths = numbers.tables["deciles"]
    figure, axes = new_figure("Churners found by calling the riskiest first", _gain_words(tenths))
    x, y = _columns(numbers.tables["gains"], "percent", "gain")
    axes.plot([0, 1], [0, 1], label="calling at random", **_REFERENCE)
    axes.plot([value / 100 for value in x], y, color=BLUE, label="calling by the model", clip_on=False)
    shares = [0.0, *(row["decile"] / 10 for row in tenths)]
    low, high = ([0.0, *(row[key] for row in tenths)] for key in ("gain_low", "gain_high"))
    axes.fill_between(shares, low, high, color=BLUE, alpha=0.15, linewidth=0, label=f"95{PERCENT} interval")
    _shares(axes, "Share of customers called", "Share of all churners among them")
    axes.legend(loc="lower right")
    return figure


def lift(numbers: Numbers) -> Figure:
    tenths = numbers.tables["deciles"]
    figure, axes = new_figure(
        "Lift over calling at random", f"Top tenth: {interval_words(numbers.metrics['lift_10'], 2)}"
    )
    x, y, low, high = _columns(tenths, "decile", "lift", "lift_low", "lift_high")
    places = [value / 10 for value in x]
    axes.axhline(1.0, label="at random", **_REFERENCE)
    axes.fill_between(places, low, high, color=BLUE, alpha=0.15, linewidth=0, label=f"95{PERCENT} interval")
    axes.plot(places, y, "o-", color=BLUE, markersize=4.5, label="model", clip_on=False)
    axes.set(xlabel="Share of customers called", ylabel="Times the average churn rate", xlim=(0.0, 1.0))
    axes.set_ylim(bottom=0)
    axes.set_xticks([tenth / 10 for tenth in range(0, 11, 2)])
    percent(axes.xaxis)
    axes.legend(loc="lower left")
    return figure


def profit(numbers: Numbers) -> Figure:
    currency = numbers.metrics["currency"]
    value = numbers.metrics["profit"]
    words = f"{money(value['value'], currency)} ({between(value, 2)}) {_at_threshold(numbers)}"
    figure, axes = new_figure("Expected profit by share of customers called", words)
    x, y = _columns(numbers.tables["profit"], "percent", "profit")
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.plot([value / 100 for value in x], y, color=BLUE, label="calling by the model", clip_on=False)
    axes.plot([0, 1], [0, y[-1]], label="calling at random", **_REFERENCE)
    marks = (("empc_fraction", "empc", "D", "EMPC"), ("mpc_fraction", "mpc", "^", "MPC, best in hindsight"))
    for share_called, value, shape, label in (*marks, ("contacted", "profit", "o", _at_threshold(numbers))):
        point = numbers.metrics[share_called]["value"], numbers.metrics[value]["value"]
        colour, filled = (ORANGE, True) if shape == "o" else (INK, False)
        axes.plot(
            *point,
            shape,
            color=colour,
            markersize=7,
            markerfacecolor=colour if filled else "none",
            label=label,
            clip_on=False,
        )
    axes.set(xlabel="Share of customers called", ylabel=f"Profit per customer ({currency})", xlim=(0, 1))
    percent(axes.xaxis)
    axes.legend(loc="lower right")
    return figure


def scores(numbers: Numbers) -> Figure:
    words = f"{numbers.metrics['holdout_rows']:,} customers of the hold-out"
    figure, axes = new_figure("Predicted probability by outcome", words)
    rows = numbers.tables["scores"]
    edges = [part / len(rows) for part in range(len(rows) + 1)]
    for outcome, colour in (("stayed", BLUE), ("churned", ORANGE)):
        counts = [row[outcome] for row in rows]
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.3)
        axes.stairs(counts, edges, color=colour, linewidth=1.6, label=outcome)
    axes.axvline(
        numbers.metrics["threshold"],
        label=f"threshold {share(numbers.metrics['threshold'], 1)}",
        **_REFERENCE,
    )
    axes.set(xlabel="Predicted probability of churn", ylabel="Customers", xlim=(0, 1))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    percent(axes.xaxis)
    axes.legend(loc="upper right")
    return figure


def importance(numbers: Numbers) -> Figure:
    rows = numbers.tables["importance"][:_MOST_FIELDS][::-1]
    words = f"Increase in log loss when a field is shuffled, 95{PERCENT} interval"
    figure, axes = new_figure("What the model relies on", words, 1.3 + 0.23 * len(rows))
    names, x, low, high = _columns(rows, "description", "log_loss_increase", "low", "high")
    style = {"color": BLUE, "height": 0.66, "ecolor": INK, "error_kw": {"elinewidth": 1.0, "capsize": 2}}
    axes.barh(range(len(rows)), x, xerr=_reach(x, low, high), **style)
    axes.set_yticks(range(len(rows)), [shortened(name, 26) for name in names])
    axes.set_xlabel("Increase in log loss")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return figure


FIGURES: dict[str, Callable[[Numbers], Figure]] = {
    "roc": roc,
    "pr": pr,
    "confusion": confusion,
    "calibration": calibration,
    "gains": gains,
    "lift": lift,
    "profit": profit,
    "scores": scores,
    "importance": importance,
    "swarm": swarm,
    "dependence": dependence,
}


def _columns(rows: Rows, *names: str) -> tuple[list[Any], ...]:
    return tuple([row[name] for row in rows] for name in names)


def _shares(axes: Any, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1))
    percent(axes.xaxis)
    percent(axes.yaxis)


def _counts(axes: Any, rows: Rows) -> None:
    """How many customers have which probability."""
    places = [row["probability"] for row in rows]
    counts = [row["stayed"] + row["churned"] for row in rows]
    axes.bar(places, counts, width=0.92 / len(rows), color=MUTED, alpha=0.5)
    axes.set(xlabel="Predicted probability of churn", ylabel="Customers")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.locator_params(axis="y", nbins=3)
    percent(axes.xaxis)


def _reach(values: list[float], low: list[float], high: list[float]) -> tuple[list[float], list[float]]:
    """How far bounds lie below and above their values, as error bars want it."""
    below = [value - bound for value, bound in zip(values, low, strict=True)]
    above = [bound - value for value, bound in zip(values, high, strict=True)]
    return below, above


def _at_threshold(numbers: Numbers) -> str:
    return f"at the threshold of {share(numbers.metrics['threshold'], 1)}"


def _gain_words(tenths: Rows) -> str:
    return f"The riskiest 20{PERCENT} hold {share(tenths[1]['gain'])} of all churners"
