"""The upper convex hull of a path: which cut-offs can be the best under any prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["upper_hull"]

Floats = NDArray[np.float64]


def upper_hull(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Places of the corners of the upper hull, from the first point to the highest.

    Args:
        x: Never falls, `[points]`.
        y: Any heights, `[points]`. The first point is a corner, points that are not higher than
            all before them are none.
    """
    ahead = np.append(-np.inf, np.maximum.accumulate(y)[:-1])
    corners = np.flatnonzero(y > ahead)
    # A point on or below the line of its two neighbours is no corner, whatever becomes of them, so
    # all such points may go at once. That leaves few points for the loop.
    while len(corners) > 2:
        kept = np.ones(len(corners), dtype=bool)
        kept[1:-1] = _above_chords(x[corners], y[corners])
        if kept.all():
            return corners
        few = 8 * kept.sum() > 7 * len(corners)
        corners = corners[kept]
        if few:
            return _chain(corners, x, y)
    return corners


def _above_chords(x: Floats, y: Floats) -> NDArray[np.bool_]:
    return (y[1:-1] - y[:-2]) * (x[2:] - x[:-2]) > (y[2:] - y[:-2]) * (x[1:-1] - x[:-2])


def _chain(points: NDArray[np.intp], x: Floats, y: Floats) -> NDArray[np.intp]:
    """Andrew's monotone chain (Information Processing Letters 9, 1979)."""
    found: list[tuple[float, float, int]] = []
    for x2, y2, place in zip(x[points].tolist(), y[points].tolist(), points.tolist(), strict=True):
        while len(found) > 1:
            (x0, y0, _), (x1, y1, _) = found[-2:]
            if (y1 - y0) * (x2 - x0) > (y2 - y0) * (x1 - x0):
                break
            found.pop()
        found.append((x2, y2, place))
    return np.array([place for _, _, place in found], dtype=np.intp)
