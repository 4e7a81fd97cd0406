"""The first lines of a chart: its title, and of each curve the mark, the label and the newest value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.chart.looks import Heading, Look
from tui.widgets.chart.model import LEFT
from tui.widgets.chart.odd_words import Part, odd_parts
from tui.widgets.chart.overlay import overlaid_lines, put_count, value_at, value_style
from tui.widgets.chart.ticks import value_text


def title_lines(heading: Heading, width: int, most: int) -> list[Line]:
    """Return the lines, of which there is one, but for several runs: these have up to ``most``."""
    if heading.overlaid:
        return overlaid_lines(heading, width, most)
    return [_title_row(heading, width)]


def _title_row(heading: Heading, width: int) -> Line:
    """Return the line, with as much in it as there is room for."""
    row = Row(width)
    room = width - LEFT
    looks, cursor = heading.looks, heading.cursor
    name = to_cells(heading.title)
    for details in (3, 2, 1, 0, -1):
        how = list(f" {heading.smoothing}") if heading.smoothing and details > 0 else []
        odds = list(odd_parts(heading, max(details, 0)))
        parts = [(name, "title"), (how, "dim"), *_curve_parts(looks, details, cursor), *odds]
        if sum(len(cells) for cells, _ in parts) <= room:
            break
    else:
        left = room - sum(len(cells) for cells, _ in odds)
        parts = [*_cut_parts([(name, "title"), *_curve_parts(looks, 0, cursor)], left), *odds]
    at = LEFT
    for cells, style in parts:
        at = row.put(at, cells, style)
    put_count(row, looks, at)
    return row.line()


def _curve_parts(looks: Sequence[Look], details: int, cursor: float | None) -> Iterator[Part]:
    """Yield the legend: with marks (3), without (2), closer together (1), a value of each curve (0), no labels (-1).

    Without its label, a curve is known by its glyph: one that is neither train, val nor test keeps it.
    """
    gap = "  " if details > 1 else " "
    for look in looks:
        label = to_cells(look.curve.label) if details >= 0 or look.curve.role == "other" else []
        glyph = look.glyphs or "─"
        yield [*gap, *glyph, *([" "] if label and details > 0 else [])], look.line_style
        yield label, look.line_style
        value = value_at(look.curve.points, cursor)
        smooth = value_at(look.curve.smooth, cursor) if look.curve.smooth is not None else None
        if smooth is not None and (details > 0 or cursor is None):
            yield list(f" ≈{value_text(smooth)}"), "value"
        if value is not None and (details > 0 or cursor is not None or smooth is None):
            yield list(f" {value_text(value)}"), value_style(value)
        elif value is None and cursor is not None:
            yield [" ", "–"], "dim"
        if details == 3 and cursor is None and look.curve.mark is not None and look.curve.mark.text:
            yield [" ", "★", " ", *to_cells(look.curve.mark.text)], "dim"


def _cut_parts(parts: list[Part], width: int) -> Iterator[Part]:
    for cells, style in parts:
        yield cut(cells, width), style
        width -= len(cells)
        if width <= 0:
            return
