"""Synthetic customers of any schema, with outcomes: as many as are asked for, in bounded memory.

Rows are drawn in blocks of fixed size, each from its own random stream, so that row 12 of
seed 3 is the same customer whether ten rows are drawn or ten million.
"""

from __future__ import annotations

from churn_core.train.synth.draw import draw, draw_batches
from churn_core.train.synth.write import synth

__all__ = ["draw", "draw_batches", "synth"]
