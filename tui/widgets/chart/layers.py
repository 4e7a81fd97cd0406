"""Strokes as they were drawn, so that the next picture draws only what is different.

A live curve changes at its right end. What lies left of the first change is taken over from the picture before, and
only the rest goes through plotext, which is where a picture's time is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.widgets.chart.plot import Canvas, Stroke, draw


@dataclass(frozen=True)
class Layer:
    """Strokes and what was drawn of them."""

    strokes: list[Stroke]
    size: tuple[int, int]
    """Cells across and down."""
    canvas: Canvas


def layer(strokes: list[Stroke], size: tuple[int, int], before: Layer | None) -> Layer:
    """Return the strokes drawn on a canvas of `size`, with what can be kept of the layer `before`."""
    if before is None or before.size != size or [s.ink for s in before.strokes] != [s.ink for s in strokes]:
        return Layer(strokes, size, draw(strokes, *size))
    changes = [_first_change(old, new) for old, new in zip(before.strokes, strokes, strict=True)]
    changed = min((change for change in changes if change is not None), default=None)
    if changed is None:
        return before
    tails = [_from(stroke, 2 * changed) for stroke in strokes]
    drawn = draw([tail for tail in tails if tail.columns], *size)
    text = [old[:changed] + new[changed:] for old, new in zip(before.canvas.text, drawn.text, strict=True)]
    inks = [old[:changed] + new[changed:] for old, new in zip(before.canvas.inks, drawn.inks, strict=True)]
    return Layer(strokes, size, Canvas(text, inks))


def _first_change(old: Stroke, new: Stroke) -> int | None:
    """Return the cell column from which on two strokes differ; None where they are the same."""
    if old == new:
        return None
    old_breaks, new_breaks = set(old.breaks), set(new.breaks)
    for index, ((a, b), (c, d)) in enumerate(
        zip(zip(old.columns, old.rows, strict=True), zip(new.columns, new.rows, strict=True), strict=False)
    ):
        if (a, b, index in old_breaks) != (c, d, index in new_breaks):
            return _cell_before(old.columns, new.columns, index)
    return _cell_before(old.columns, new.columns, min(len(old.columns), len(new.columns)))


def _cell_before(old: Sequence[int], new: Sequence[int], index: int) -> int:
    """Return the cell of the last point that both have: the line that leads on from it may differ from there."""
    if index == 0:
        return min([0, *old[:1], *new[:1]])
    return new[index - 1] // 2


def _from(stroke: Stroke, column: int) -> Stroke:
    """Return the part of a stroke whose lines reach `column` (in dots) or beyond."""
    first = len(stroke.columns)
    while first > 0 and stroke.columns[first - 1] >= column:
        first -= 1
    first = max(0, first - 1)  # with the point that the line across the column comes from
    breaks = [index - first for index in stroke.breaks if index >= first]
    return Stroke(stroke.ink, stroke.columns[first:], stroke.rows[first:], breaks)
