"""Figures of reasons in aggregate, each drawn from the numbers that stand in its file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from churn_core.train.evaluation.curves import Rows
from churn_core.train.evaluation.numbers import Numbers
from churn_core.train.evaluation.style import BLUE, MUTED, ORANGE, SCALE, new_figure, titled_figure

__all__ = ["dependence", "shortened", "swarm"]

Floats = NDArray[np.float64]

_DOTS: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgewidth": 0}


def swarm(numbers: Numbers) -> Figure:
    """Each dot is a customer; dots that would hide each other move apart."""
    rows = numbers.tables["swarm"]
    words = f"{len(rows[0]['shares']):,} customers, a dot each; right of 0 raises the risk"
    figure, axes = new_figure("What each field does to the score", words, 1.7 + 0.36 * len(rows))
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    for colour, label, x, y in _dots(rows):
        axes.plot(x, y, color=colour, markersize=2.6, label=label, **_DOTS)
    axes.set_yticks(range(len(rows)), [shortened(row["description"], 26) for row in rows])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel="Share in log-odds")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        markerscale=2.6,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    return figure


def dependence(numbers: Numbers) -> Figure:
    """One panel a field: dots are customers, the line and its bars are means and the middle nine tenths."""
    fields = {name: list(rows) for name, rows in groupby(numbers.tables["dependence"], lambda r: r["name"])}
    dots = {row["name"]: row for row in numbers.tables["swarm"]}
    words = "Share in log-odds: above 0 raises the risk"
    figure = titled_figure("The strongest fields, value by value", words, 1.7 * len(fields) + 0.6)
    panels: Any = figure.subplots(len(fields), squeeze=False)[:, 0]
    for axes, (name, rows) in zip(panels, fields.items(), strict=True):
        _panel(axes, rows, dots[name])
    return figure


def shortened(name: str, most: int = 34) -> str:
    """The name as far as there is room for it."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def _panel(axes: Any, rows: Rows, dots: dict[str, Any]) -> None:
    numeric = dots["role"] == "numeric"
    places = {row["group"]: place for place, row in enumerate(rows)}
    at = [row["place"] for row in rows] if numeric else list(places.values())
    if numeric:
        axes.plot(dots["values"], dots["shares"], color=BLUE, alpha=0.35, markersize=3.0, **_DOTS)
    else:
        words = [{True: "yes", False: "no"}.get(value, value) for value in dots["values"]]
        known = [(places[word], share) for word, share in zip(words, dots["shares"], strict=True)]
        x = [place + offset for (place, _), offset in zip(known, _spread(len(known)), strict=True)]
        axes.plot(x, [share for _, share in known], color=BLUE, alpha=0.35, markersize=3.0, **_DOTS)
        axes.set_xticks(at, [shortened(row["group"], 60 // len(rows)) for row in rows])
        axes.set_xlim(-0.5, len(rows) - 0.5)
    mean, low, high = ([row[key] for row in rows] for key in ("mean", "low", "high"))
    axes.vlines(at, low, high, color=ORANGE, linewidth=1.2)
    axes.plot(at, mean, "o-" if numeric else "o", color=ORANGE, markersize=5, linewidth=1.4)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.set_title(rows[0]["description"], loc="left", fontsize=10)


def _dots(rows: Rows) -> list[tuple[str, str, list[float], list[float]]]:
    """Dots by colour, over all fields: low to high values, and values without an order."""
    labels = ("low, no", "middle", "high, yes", "category")
    x: list[list[float]] = [[] for _ in labels]
    y: list[list[float]] = [[] for _ in labels]
    reach = max((abs(share) for row in rows for share in row["shares"]), default=1.0) or 1.0
    for place, row in enumerate(rows):
        heights = _apart(np.array(row["shares"]) / reach)
        for share, rank, height in zip(row["shares"], row["rank"], heights, strict=True):
            colour = 3 if row["role"] == "category" else min(int(rank * 3), 2)
            x[colour].append(share)
            y[colour].append(round(place + height, 3))
    return [found for found in zip(SCALE, labels, x, y, strict=True) if found[2]]


def _apart(shares: Floats, width: float = 0.02, step: float = 0.055) -> list[float]:
    """How far dots move from their line so that those of about equal share lie above each other."""
    heights = np.zeros(len(shares))
    bins = np.round(shares / width).astype(int)
    for one in np.unique(bins):
        members = np.flatnonzero(bins == one)
        level = (np.arange(len(members)) + 1) // 2 * np.where(np.arange(len(members)) % 2, 1.0, -1.0)
        heights[members] = level * min(step, 0.8 / len(members))
    return heights.tolist()


def _spread(count: int) -> Sequence[float]:
    """Sideways offsets that look random and never change (multiples of the golden ratio)."""
    return ((np.arange(count) * 0.6180339887 % 1 - 0.5) * 0.5).round(3).tolist()
