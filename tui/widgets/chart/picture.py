"""A chart as lines of styled cells: title and legend, canvas, axes, marks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle

from tui.widgets.cells import Line, Row
from tui.widgets.chart.curves import Oddities
from tui.widgets.chart.layers import Layer, layer
from tui.widgets.chart.legend import title_lines
from tui.widgets.chart.looks import Heading, Look, looks_of
from tui.widgets.chart.measured import measured_curves, odd_of, together
from tui.widgets.chart.model import LEFT, ChartData, Mark
from tui.widgets.chart.plot import Canvas
from tui.widgets.chart.scale import Axis, x_axis
from tui.widgets.chart.ticks import tick_labels
from tui.widgets.chart.trace import Trace, trace
from tui.widgets.chart.waiting import waiting_body

ROOMY_ROWS = 8
"""From this height on the x axis has a row of its own above its labels."""
GUTTER_CELLS = 4
"""Least width of the y labels, so that they rarely move the canvas."""
CELLS_PER_LABEL = 12
CANVAS_ROWS = 8
"""What the lines of a legend leave to the canvas, with its axis."""
MOST_LEGEND = 4
TALL_ROWS, TALL_LEGEND = 20, 6
"""From this height on a legend may have more lines."""
DENSE_INK = 100
"""Added to a curve's ink for its band."""


@dataclass(frozen=True)
class Memory:
    """What the next picture of the same chart starts from, so that axes keep still."""

    x: Axis | None = None
    y: Axis | None = None
    gutter: int = GUTTER_CELLS
    bands: Layer | None = None
    """The bands as they were drawn."""
    curves: Layer | None = None
    """The lines as they were drawn."""
    left: int = 0
    """The column that the canvas begins in."""
    columns: int = 0
    """Cells of canvas across; 0: there is none."""
    legend: int = 0
    """Lines of title and legend; 0: not known."""


@dataclass(frozen=True)
class Picture:
    """A drawn chart."""

    lines: list[Line]
    """From the top."""
    memory: Memory


def picture(data: ChartData, width: int, height: int, memory: Memory) -> Picture:
    """Draw ``data`` on ``width`` x ``height`` cells."""
    # What the legend has to say depends on what is drawn below it, and the room for that on the legend.
    drawn, wanted = _picture(data, width, height, memory)
    if wanted != drawn.memory.legend:
        drawn, again = _picture(data, width, height, replace(drawn.memory, legend=wanted))
        if again > wanted:  # it goes to and fro: the longer one, so that the chart stands still
            drawn, _ = _picture(data, width, height, replace(drawn.memory, legend=again))
    return drawn


def _picture(data: ChartData, width: int, height: int, memory: Memory) -> tuple[Picture, int]:
    """Return the picture with a legend of as many lines as in the one before, and how many it wants."""
    looks = looks_of(data.curves)
    across = across_axis(data, memory)
    heading = Heading(data.title, looks, (), data.smoothing, data.view.cursor)
    if across is None:
        return Picture(_empty(data, heading, width, height), Memory()), 0
    view = data.view
    most = max(1, min(MOST_LEGEND if height < TALL_ROWS else TALL_LEGEND, height - CANVAS_ROWS))
    legend = min(most, memory.legend) or len(title_lines(heading, width, most))
    body = height - legend
    axis_rows = 0 if body < 3 or width < 16 else (2 if height >= ROOMY_ROWS else 1)
    rows = body - axis_rows
    if rows < 1:
        return Picture(title_lines(heading, width, 1)[:height], Memory(across)), 0
    # The labels decide how wide the canvas is, and the canvas what they say: lay out with a guess first.
    gutter = memory.gutter if axis_rows else -1
    measured, up = measured_curves(data.curves, across, width - gutter - 1, rows, memory.y, view)
    labels = _y_labels(up, rows)
    needed = max([GUTTER_CELLS, *(LEFT + len(text) for text in labels.values())])
    if axis_rows and (needed > gutter or needed < gutter - 1):
        gutter = needed
        measured, up = measured_curves(data.curves, across, width - gutter - 1, rows, up, view)
        labels = _y_labels(up, rows)
    odds = [odd_of(each, curve, across, up) for each, curve in zip(measured, data.curves, strict=True)]
    odd = together(odds)
    frame = _Frame(across, up, width - gutter - 1, rows, gutter)
    heading = replace(heading, odds=odds)
    wanted = len(title_lines(heading, width, most))
    lines = title_lines(heading, width, legend)
    lines += [Row(width).line() for _ in range(legend - len(lines))]
    traces = [
        trace(
            each.columns, up, rows, ink=ink, band_ink=ink + DENSE_INK, glyphs=bool(look.glyphs),
            smooth=each.smooth, crossed=each.crossed,
        )
        for ink, (each, look) in enumerate(zip(measured, looks, strict=True), 1)
    ]  # fmt: skip
    size = frame.columns, frame.rows
    over = sorted(range(len(looks)), key=lambda place: looks[place].curve.front)
    bands = layer([band for place in over if (band := traces[place].band)], size, memory.bands)
    curves = layer([line for place in over if (line := traces[place].line)], size, memory.curves)
    cursor = frame.column_of(view.cursor)
    drawn = [(traces[place], looks[place]) for place in over]
    lines += _canvas_lines(frame, drawn, (bands.canvas, curves.canvas), looks, odd, labels, width, cursor)
    lines += _x_lines(frame, odd, data, width, axis_rows)
    kept = Memory(across, up, max(gutter, GUTTER_CELLS), bands, curves, gutter + 1, frame.columns, legend)
    return Picture(lines, kept), wanted


def across_axis(data: ChartData, memory: Memory) -> Axis | None:
    """Return the x axis of a chart; None while no curve has a point."""
    ranges = [found for curve in data.curves if (found := curve.points.x_range())]
    if not ranges:
        return None
    view = data.view
    span = min(low for low, _ in ranges), max(high for _, high in ranges)
    given = view.x_min if view.window is None else view.window[0]
    floor = 1.0
    if view.log_x:
        positive = [x for curve in data.curves if (x := curve.points.first_after(0.0)) is not None]
        floor = given if given is not None and given > 0 else min(positive, default=1.0)
    return x_axis(
        span, memory.x, low=view.x_min, high=view.x_max, log=view.log_x, window=view.window,
        least=1.0 if view.x_unit == "epoch" else 10.0, floor=floor,
    )  # fmt: skip


@dataclass(frozen=True)
class _Frame:
    """Where the canvas is."""

    x: Axis
    y: Axis
    columns: int
    """Cells of canvas across."""
    rows: int
    """Cells of canvas down."""
    gutter: int
    """Cells of labels to the left of the y axis; -1: there is no y axis."""

    def column_of(self, x: float | None) -> int | None:
        """Return the cell of the canvas that ``x`` is in; None where it is not on it."""
        return None if x is None else column_of(self.x, x, self.columns)


def column_of(axis: Axis, x: float, columns: int) -> int | None:
    """Return the cell of an x axis of so many cells that ``x`` is in; None where it is not on it."""
    fraction = axis.fraction(x)
    return min(columns - 1, int(fraction * columns)) if -1e-9 <= fraction <= 1 + 1e-9 else None


def _y_labels(axis: Axis, rows: int) -> dict[int, str]:
    """Return the labels by row from the top; the first of two that fall on one row gives way."""
    last = rows - 1
    if axis.even is not None and axis.even.rows == rows:
        ticks = [(row, 10.0**value if axis.log else value) for row, value in axis.even.ticks()]
    else:
        values = axis.ticks(max(2, 1 + (rows - 1) // 2))
        ticks = [(_row_of(axis.fraction(value), rows), value) for value in values]
    names = tick_labels([value for _, value in ticks], log=axis.log)
    return {last - row: name for (row, _), name in zip(ticks, names, strict=True)}


def _row_of(fraction: float, rows: int) -> int:
    """Return the cell row, from the bottom, of a fraction of the y axis: that of the dot of a value there."""
    return min(rows * 4 - 1, max(0, round(fraction * (4 * rows - 1)))) // 4


def _canvas_lines(
    frame: _Frame,
    drawn: list[tuple[Trace, Look]],
    layers: tuple[Canvas, Canvas],
    looks: list[Look],
    odd: Oddities,
    labels: dict[int, str],
    width: int,
    cursor: int | None,
) -> list[Line]:
    """Return the canvas with its y axis; ``drawn``: the last one lies over the others."""
    rows = [Row(width) for _ in range(frame.rows)]
    for index, row in enumerate(rows):
        for canvas in layers:  # a line hides the band behind it, which would blur it
            _put_canvas_row(row, frame, canvas, index, looks)
        if frame.gutter >= 0:
            row.put(frame.gutter - len(labels.get(index, "")), list(labels.get(index, "")), "label")
            row.put(frame.gutter, ["┤" if index in labels else "│"], "axis")
    dimmed = any(look.curve.front for look in looks)
    for found, look in drawn:
        style = look.band_style if dimmed and not look.curve.front else look.line_style
        for column, dot in found.lone:
            _put_dot(rows, frame, column, dot, look.glyphs[:1] or "•", style)
        for (column, dot), glyph in zip(found.stations, cycle(look.glyphs or "•"), strict=False):
            _put_dot(rows, frame, column, dot, glyph, style)
    for found, look in drawn:
        for column, upwards in found.leaves:
            rows[0 if upwards else -1].put(
                frame.gutter + 1 + column // 2, ["↑" if upwards else "↓"], look.line_style
            )
    for _, look in drawn:
        if look.curve.mark is not None:
            _put_mark(rows, frame, look.curve.mark, look.line_style)
    for cell in odd.pos_inf:
        rows[0].put(frame.gutter + 1 + cell, ["↑"], "bad")
    for cell in odd.neg_inf:
        rows[-1].put(frame.gutter + 1 + cell, ["↓"], "bad")
    if cursor is not None:
        _put_cursor(rows, frame.gutter + 1 + cursor)
    return [row.line() for row in rows]


def _put_cursor(rows: list[Row], column: int) -> None:
    """Draw the cursor's line behind lines and marks, before bands."""
    for row in rows:
        if row.cells[column] == " " or row.styles[column].endswith("-band"):
            row.put(column, ["│"], "cursor")


def _put_canvas_row(row: Row, frame: _Frame, canvas: Canvas, index: int, looks: list[Look]) -> None:
    left = frame.gutter + 1
    dimmed = any(look.curve.front for look in looks)
    for column, (character, ink) in enumerate(zip(canvas.text[index], canvas.inks[index], strict=True)):
        if ink:
            look = looks[(ink - 1) % DENSE_INK]
            row.cells[left + column] = character
            plain = look.band_style if dimmed and not look.curve.front else look.line_style
            row.styles[left + column] = look.band_style if ink > DENSE_INK else plain


def _put_dot(rows: list[Row], frame: _Frame, column: int, dot: int, glyph: str, style: str) -> None:
    rows[len(rows) - 1 - dot // 4].put(frame.gutter + 1 + column // 2, [glyph], style)


def _put_mark(rows: list[Row], frame: _Frame, mark: Mark, style: str) -> None:
    column, up = frame.column_of(mark.x), frame.y.fraction(mark.y)
    if column is not None and 0 <= up <= 1:
        rows[len(rows) - 1 - _row_of(up, frame.rows)].put(frame.gutter + 1 + column, ["★"], style)


def _x_lines(frame: _Frame, odd: Oddities, data: ChartData, width: int, axis_rows: int) -> list[Line]:
    """Return the axis and its labels: on two rows, or the labels in the axis where there is only one."""
    if not axis_rows:
        return []
    left = frame.gutter + 1
    axis = Row(width)
    axis.put(frame.gutter, ["└"] + ["─"] * frame.columns, "axis")
    names = axis if axis_rows == 1 else Row(width)
    free = left
    for value, name in frame.x.names(max(2, frame.columns // CELLS_PER_LABEL), data.view.x_unit):
        column = left + (frame.column_of(value) or 0)
        if axis_rows == 2:
            axis.put(column, ["┬"], "axis")
        at = min(max(left, column - len(name) // 2), width - len(name))
        if at >= free:
            names.put(at, list(name), "label")
            free = at + len(name) + 1
    for note in data.notes:
        if (cell := frame.column_of(note.x)) is not None:
            axis.put(left + cell, [note.glyph], "note")
    for cells, glyph in ((odd.non_positive, "▾"), (odd.nan, "×"), ({0: 1} if odd.before else {}, "◂")):
        for cell in cells:
            axis.put(left + cell, [glyph], "bad")
    if (cell := frame.column_of(data.view.cursor)) is not None and axis.styles[left + cell] == "axis":
        axis.put(left + cell, ["┴"], "cursor")
    return [axis.line()] if axis_rows == 1 else [axis.line(), names.line()]


def _empty(data: ChartData, heading: Heading, width: int, height: int) -> list[Line]:
    title = title_lines(replace(heading, cursor=None), width, 1)[:1]
    return [*title, *waiting_body(data.empty, width, height - 1)][:height]
