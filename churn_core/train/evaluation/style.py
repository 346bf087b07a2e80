"""How figures look, and how one becomes a PNG file or a piece of a web page.

Colours are from Okabe and Ito's palette, which colour-blind readers can tell apart. As SVG a
figure carries CSS variables instead of colours, so that the page decides between light and dark.
No figure carries a date, so that equal numbers give equal bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

__all__ = [
    "BLUE",
    "GRID",
    "INK",
    "MUTED",
    "ORANGE",
    "SCALE",
    "house_style",
    "new_figure",
    "percent",
    "titled_figure",
    "to_png",
    "to_svg",
]

INK, MUTED, GRID, PAPER = "#1c2731", "#586674", "#dbe1e7", "#fefefe"
BLUE, ORANGE, BETWEEN, KINDS = "#0072b2", "#d55e00", "#b7a5b4", "#009e73"
SCALE = (BLUE, BETWEEN, ORANGE, KINDS)
"""From low to high values, and for values without an order."""
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    BLUE: "blue",
    ORANGE: "orange",
    BETWEEN: "between",
    KINDS: "kinds",
}

_SETTINGS: dict[str, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": mpl.cycler(color=[BLUE, ORANGE, MUTED]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": PAPER,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.fontsize": 9.5,
    "legend.edgecolor": "none",
    "legend.facecolor": PAPER,
    "legend.fancybox": False,
    "legend.framealpha": 0.85,
    "legend.labelcolor": INK,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,  # a description may hold dollars
    "svg.fonttype": "none",
    "svg.hashsalt": "churn",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Figures are drawn and saved with these settings, whatever the user's `matplotlibrc` says."""
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    with mpl.rc_context({**defaults, **_SETTINGS}):
        yield


def new_figure(title: str, subtitle: str, height: float = 3.6) -> tuple[Figure, Any]:
    """A figure with one pair of axes, as wide as a phone's screen is readable."""
    figure = titled_figure(title, subtitle, height)
    return figure, figure.add_subplot()


def titled_figure(title: str, subtitle: str, height: float) -> Figure:
    """An empty figure under two lines of title."""
    figure = Figure(figsize=(4.5, height))
    figure.set_layout_engine("constrained", rect=(0.01, 0, 0.98, 1 - 0.58 / height))
    figure.text(0.015, 1 - 0.09 / height, title, va="top", fontsize=11.5, fontweight="bold")
    figure.text(0.015, 1 - 0.32 / height, subtitle, va="top", fontsize=9.5, color=MUTED)
    return figure


def percent(axis: Axis) -> None:
    """Label shares as percentages."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="\u00a0%"))


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file, 200 dots per inch."""
    buffer = io.BytesIO()
    with house_style():
        figure.set_dpi(200)
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # `savefig` would draw twice
    return buffer.getvalue()


def to_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element, in the colours and the font of the page around it."""
    buffer = io.StringIO()
    with house_style():
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r"(\.\d\d)\d+", r"\1", text)  # a hundredth of a point is more than a screen shows
    text = text.replace("'DejaVu Sans'", "var(--font)")
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text
