"""A chart as an SVG picture, for papers and messages: the same axes, curves and marks as in the terminal, finer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import numpy as np

from tui.widgets.chart.curves import DENSE, columns_of, extent, oddities
from tui.widgets.chart.held import held
from tui.widgets.chart.looks import Look, looks_of
from tui.widgets.chart.outliers import far_of, without_outliers
from tui.widgets.chart.scale import Axis, y_axis
from tui.widgets.chart.ticks import tick_labels, value_text
from tui.widgets.foreign import clean

if TYPE_CHECKING:
    from tui.widgets.chart.model import ChartData, Columns, Curve

WIDTH, HEIGHT = 800, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 56, 48
_LEGEND_ROW = 18
_COLOURS: Final = {
    "train": "#0072b2", "val": "#d55e00", "test": "#009e73",
    "other-0": "#7a3fae", "other-1": "#9a5b00", "other-2": "#b3261e", "other-3": "#2f7d32",
    "run-0": "#0072b2", "run-1": "#d55e00", "run-2": "#009e73", "run-3": "#7a3fae", "run-4": "#cc79a7",
    "run-5": "#b3261e", "run-6": "#444444",
}  # fmt: skip
_DASHES: Final = ("", "7 3", "2 3", "9 3 2 3", "12 4")
"""Told apart without colour: by the place among the curves."""


class _Plane:
    """Where values are in the picture."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y

    def across(self, x: float) -> float:
        return _LEFT + self.x.fraction(x) * (WIDTH - _LEFT - _RIGHT)

    def down(self, y: float) -> float:
        return HEIGHT - _BOTTOM - min(1.0, max(0.0, self.y.fraction(y))) * (HEIGHT - _TOP - _BOTTOM)


def chart_svg(data: ChartData) -> str:
    """Return the chart as an SVG document; one without a point says so."""
    from tui.widgets.chart.picture import Memory, across_axis

    looks = looks_of(data.curves)
    across = across_axis(data, Memory())
    if across is None:
        return _document([_text(WIDTH / 2, HEIGHT / 2, data.empty, "middle"), *_head(data, looks)[0]])
    half = (WIDTH - _LEFT - _RIGHT) // 2  # a column of the summary is one pixel wide
    points = [_columns(curve, across, half) for curve in data.curves]
    smooths = [columns_of(c.smooth, across, half) if c.smooth is not None else None for c in data.curves]
    every = [*points, *(each for each in smooths if each is not None)]
    some = (
        None if data.view.outliers else without_outliers(every, log=data.view.log_y, far=far_of(data.curves))
    )
    found = some or extent(every, log=data.view.log_y)
    low, high = found or ((0.1, 1.0) if data.view.log_y else (0.0, 1.0))
    plane = _Plane(across, y_axis(low, high, 12, None, log=data.view.log_y))
    parts = [*_grid(plane, data)]
    drawn = enumerate(zip(looks, points, smooths, strict=True))
    for place, (look, columns, smooth) in sorted(drawn, key=lambda each: each[1][0].curve.front):
        parts += _curve(plane, look, columns, smooth, _DASHES[place % len(_DASHES)])
    parts += _odd(plane, data, points)
    head, bottom = _head(data, looks)
    return _document([*parts, *head], bottom)


def _columns(curve: Curve, across: Axis, width: int) -> Columns:
    columns = columns_of(curve.points, across, width)
    return held(columns, curve.points, across, curve.until) if curve.held else columns


def _document(parts: list[str], height: float = HEIGHT) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
        ' font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{height:g}" fill="white"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    safe = escape(clean(text).replace("\n", " "))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{safe}</text>'


def _head(data: ChartData, looks: list[Look]) -> tuple[list[str], float]:
    """Return title and legend, and how high the picture has to be for them."""
    title = f"{data.title}  {data.smoothing}" if data.smoothing else data.title
    parts = [_text(_LEFT, 20, title, more=' font-weight="bold" font-size="14"')]
    x, y = float(_LEFT), 40.0
    for place, look in enumerate(looks):
        last = look.curve.points.last
        label = (
            f"{look.curve.label or data.title} {value_text(last.value) if last is not None else ''}".strip()
        )
        if look.curve.mark is not None and look.curve.mark.text:
            label += f" ★ {look.curve.mark.text}"
        dash = _DASHES[place % len(_DASHES)]
        wide = 44 + 6.5 * len(label)
        if x > _LEFT and x + wide > WIDTH:  # what has no room above goes below
            x, y = float(_LEFT), max(y, float(HEIGHT)) + _LEGEND_ROW
        parts += [_line(f"M{x:.1f},{y - 4:.1f} h24", look.style, dash), _text(x + 30, y, label)]
        x += wide
    return parts, max(float(HEIGHT), y + _LEGEND_ROW)


def _line(path: str, style: str, dash: str = "", width: float = 1.5) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="{_COLOURS[style]}" stroke-width="{width:g}"{dashes}/>'


def _grid(plane: _Plane, data: ChartData) -> Iterator[str]:
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    values = plane.y.ticks(7)
    for value, name in zip(values, tick_labels(values, log=plane.y.log), strict=True):
        y = plane.down(value)
        yield f'<path d="M{_LEFT},{y:.1f} H{right}" stroke="#ddd"/>'
        yield _text(_LEFT - 6, y + 4, name, "end", ' fill="#555"')
    for value, name in plane.x.names(8, data.view.x_unit):
        x = plane.across(value)
        yield f'<path d="M{x:.1f},{floor} v5" stroke="#555"/>'
        yield _text(x, floor + 18, name, "middle", ' fill="#555"')
    yield f'<path d="M{_LEFT},{_TOP} V{floor} H{right}" fill="none" stroke="#555"/>'
    unit = {"step": "step", "epoch": "epoch", "time": "time since the first point"}[data.view.x_unit]
    yield _text((_LEFT + right) / 2, HEIGHT - 8, unit, "middle", ' fill="#555"')
    for place, note in enumerate(data.notes):
        if 0 <= plane.x.fraction(note.x) <= 1:
            x = plane.across(note.x)
            yield f'<path d="M{x:.1f},{_TOP} V{floor}" stroke="#999" stroke-dasharray="3 3"><title>'
            yield f"{escape(clean(note.text))}</title></path>"
            yield _text(x + 3, _TOP + 10 + place % 4 * 12, note.text, more=' fill="#777" font-size="10"')


def _curve(plane: _Plane, look: Look, columns: Columns, smooth: Columns | None, dash: str) -> Iterator[str]:
    log = plane.y.log
    low = columns.low_positive if log else columns.low
    used = np.flatnonzero(~np.isnan(low) & (columns.high >= low))
    if not len(used):
        return
    dense = smooth is not None or (len(used) > 1 and np.median(columns.finite[used]) >= DENSE)
    if dense:
        top = [
            f"{_x(plane, c, len(low)):.1f},{plane.down(float(columns.high[c])):.1f}" for c in used.tolist()
        ]
        bottom = [
            f"{_x(plane, c, len(low)):.1f},{plane.down(float(low[c])):.1f}" for c in used[::-1].tolist()
        ]
        yield f'<path d="M{" L".join(top + bottom)} Z" fill="{_COLOURS[look.style]}" fill-opacity="0.25"/>'
    mean = (columns if smooth is None else smooth).mean
    path, pen, before = [], "M", -1
    for column in used.tolist():
        odd = columns.nan + columns.pos_inf + columns.neg_inf
        if before >= 0 and bool((odd[before + 1 : column + 1] > 0).any()):
            pen = "M"  # what is no number breaks the line
        x = _x(plane, column, len(low))
        ends = [mean[column]] if dense else [columns.first[column], columns.last[column]]
        for value in map(float, ends):
            if math.isfinite(value) and (value > 0 or not log):
                path.append(f"{pen}{x:.1f},{plane.down(value):.1f}")
                pen = "L"
        before = column
    if path:
        yield _line(" ".join(path), look.style, dash)
    if len(used) < 60 or len(path) == 1:
        for column in used.tolist():
            y = plane.down(float(low[column]))
            x = _x(plane, column, len(low))
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_COLOURS[look.style]}"/>'
    mark = look.curve.mark
    if mark is not None and 0 <= plane.x.fraction(mark.x) <= 1:
        yield _text(plane.across(mark.x), plane.down(mark.y) + 5, "★", "middle", ' font-size="16"')


def _x(plane: _Plane, column: int, columns: int) -> float:
    return plane.across(plane.x.value((column + 0.5) / columns))


def _odd(plane: _Plane, data: ChartData, points: list[Columns]) -> Iterator[str]:
    """Mark what has no place on the axes, as the terminal does."""
    floor = HEIGHT - _BOTTOM
    for columns in points:
        odd = oddities(columns, plane.y)
        cells = len(columns.low) // 2
        for counts, glyph, y in (
            (odd.nan, "×", floor + 4), (odd.non_positive, "▾", floor + 4), (odd.pos_inf, "↑", _TOP + 4),
            (odd.neg_inf, "↓", floor - 2),
        ):  # fmt: skip
            for cell in counts:
                x = plane.across(plane.x.value((cell + 0.5) / cells))
                yield _text(x, y, glyph, "middle", ' fill="#b3261e"')
        for told, glyph, y in ((odd.above, "↑", _TOP + 4), (odd.below, "↓", floor - 2)):
            if told is not None:
                beyond = np.flatnonzero(columns.high == told if glyph == "↑" else columns.low == told)
                x = (
                    plane.across(plane.x.value((int(beyond[0]) + 0.5) / len(columns.low)))
                    if len(beyond)
                    else _LEFT
                )
                yield _text(x, y, f"{glyph} {value_text(told)}", "middle", ' fill="#b3261e"')
    before = sum(curve.points.up_to(0.0) for curve in data.curves) if plane.x.log else 0
    if before:
        yield _text(_LEFT, floor + 4, "◂", "middle", ' fill="#b3261e"')
