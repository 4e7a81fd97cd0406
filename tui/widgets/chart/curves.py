"""From points to what is drawn of them on a canvas of a given size. A dot column is half a cell wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tui.widgets.chart.model import Columns, Points
from tui.widgets.chart.plot import Stroke
from tui.widgets.chart.scale import Axis

DENSE = 3
"""From this many points in a dot column on, a curve is drawn as a band of all and a line of their means."""
GLYPH_EVERY = 8
"""Cells between two glyphs on a curve that has many points."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Oddities:
    """Values that a curve cannot show, by cell column and in all."""

    nan: dict[int, int] = field(default_factory=dict)
    """Cell column to count; likewise below."""
    pos_inf: dict[int, int] = field(default_factory=dict)
    neg_inf: dict[int, int] = field(default_factory=dict)
    non_positive: dict[int, int] = field(default_factory=dict)
    """Only on a log axis."""
    before: int = 0
    """Points at x of zero or less, which a log x axis has no place for."""


@dataclass(frozen=True)
class Trace:
    """What is drawn of one curve."""

    band: Stroke | None
    """From the lowest to the highest of each column; None unless the curve is dense."""
    line: Stroke | None
    """None without a point to show."""
    lone: list[tuple[int, int]]
    """Dots (column, row) that no line touches."""
    stations: list[tuple[int, int]]
    """Dots to put the curve's glyph on."""


def columns_of(points: Points, axis: Axis, width: int) -> Columns:
    """Summarize ``points`` for each dot column of a canvas ``width`` cells wide."""
    fractions = np.linspace(0.0, 1.0, 2 * width + 1)
    if axis.log:
        edges = axis.low * (axis.high / axis.low) ** fractions
    else:
        edges = axis.low + (axis.high - axis.low) * fractions
    edges[-1] = axis.high
    return points.envelope(edges)


Borders = tuple[float | None, float | None]
"""The values at which a line comes into the picture from the left and leaves it to the right; None: it does not."""


def borders(points: Points, columns: Columns, across: Axis, *, log: bool) -> Borders:
    """Return where the line crosses the ends of the x axis, drawn straight from points that are out of sight."""
    beside = [_place(found, across, log=log) for found in points.beside(across.low, across.high)]
    used = np.flatnonzero(~np.isnan(columns.low_positive if log else columns.low))
    inner: list[tuple[float, float] | None] = [None, None]
    if len(used):
        ends = (columns.first[used[0]], columns.last[used[-1]])
        inner = [
            ((index + 0.5) / len(columns.low), math.log(value) if log else value)
            if math.isfinite(value) and (value > 0 or not log) else None
            for index, value in zip(used[[0, -1]].tolist(), map(float, ends), strict=True)
        ]  # fmt: skip
    elif None not in beside:
        inner = beside[::-1]
    return _crossing(beside[0], inner[0], 0.0, log=log), _crossing(beside[1], inner[1], 1.0, log=log)


def _place(point: tuple[float, float] | None, across: Axis, *, log: bool) -> tuple[float, float] | None:
    """Return where a point is drawn: fraction of the x axis, and the value or its logarithm."""
    if point is None:
        return None
    fraction, value = across.fraction(point[0]), point[1]
    if not math.isfinite(fraction) or not math.isfinite(value) or (log and value <= 0):
        return None
    return fraction, math.log(value) if log else value


def _crossing(
    outside: tuple[float, float] | None, inside: tuple[float, float] | None, fraction: float, *, log: bool
) -> float | None:
    if outside is None or inside is None or outside[0] == inside[0]:
        return None
    part = (fraction - outside[0]) / (inside[0] - outside[0])
    value = outside[1] * (1 - part) + inside[1] * part
    return math.exp(value) if log else value


def extent(columns: list[Columns], *, log: bool, also: Sequence[float] = ()) -> tuple[float, float] | None:
    """Return the smallest and largest value that the axis has to hold, ``also`` among them; None without any."""
    more = np.array(also, dtype=np.float64)
    lows = np.concatenate([*(each.low_positive if log else each.low for each in columns), more])
    highs = np.concatenate([*(each.high for each in columns), more])
    shown = ~np.isnan(lows) & ~np.isnan(highs)
    if not shown.any():
        return None
    return float(lows[shown].min()), float(highs[shown].max())


def oddities(columns: Columns, *, log: bool) -> Oddities:
    """Return where values are that have no place on the axis."""

    def by_cell(counts: Integers) -> dict[int, int]:
        cells = counts.reshape(-1, 2).sum(axis=1)
        return {int(cell): int(cells[cell]) for cell in np.flatnonzero(cells)}

    return Oddities(
        by_cell(columns.nan),
        by_cell(columns.pos_inf),
        by_cell(columns.neg_inf),
        by_cell(columns.non_positive) if log else {},
    )


def dot_rows(values: NDArray[np.float64], axis: Axis, height: int) -> Integers:
    """Return the dot row, from the bottom, of each value on a canvas ``height`` cells high."""
    if axis.log:
        fractions = np.log(values / axis.low) / np.log(axis.high / axis.low)
    else:
        fractions = (values - axis.low) / (axis.high - axis.low)
    rows: Integers = np.clip(np.rint(fractions * (4 * height - 1)), 0, 4 * height - 1).astype(np.int64)
    return rows


def trace(
    columns: Columns,
    axis: Axis,
    height: int,
    *,
    ink: int,
    band_ink: int,
    glyphs: bool,
    smooth: Columns | None = None,
    crossed: Borders = (None, None),
) -> Trace:
    """Return the strokes of one curve. ``glyphs``: whether it is also told by glyphs along it.

    ``smooth``: its points smoothed, which are the line then, over the points themselves as a band. ``crossed``: where
    the line comes in and leaves.
    """
    low, high = (columns.low_positive if axis.log else columns.low), columns.high
    used = np.flatnonzero(~np.isnan(low) & (high >= low))
    ends_at = [
        None if value is None else int(dot_rows(np.array([value]), axis, height)[0]) for value in crossed
    ]
    if not len(used):
        none = np.empty(0, dtype=np.int64)
        line = _crossed((none, none, np.empty(0, dtype=bool)), ends_at, len(low))
        return Trace(None, _stroke(ink, *line) if len(line[0]) > 1 else None, [], [])
    starts = _starts(columns, used)
    bottom, top = dot_rows(low[used], axis, height), dot_rows(high[used], axis, height)
    zigzag = _zigzag(used, bottom, top, columns.last[used] >= columns.first[used], starts)
    mean = (columns if smooth is None else smooth).mean[used]
    if smooth is None:
        mean = np.where(mean >= low[used], mean, low[used])
    else:  # a smoothed value may lie anywhere between those of other columns
        mean = np.where(np.isnan(mean) | (mean <= 0 if axis.log else False), low[used], mean)
    middle = dot_rows(mean, axis, height)
    dense = len(used) > 1 and np.median(columns.finite[used]) >= DENSE
    ends = np.append(starts[1:], True)
    alone = starts & ends & (top - bottom < 2)
    alone[0] &= ends_at[0] is None
    alone[-1] &= ends_at[1] is None
    lone = list(zip(used[alone].tolist(), middle[alone].tolist(), strict=True))
    stations = _stations(used, middle) if glyphs else []
    if not dense and smooth is None:
        return Trace(None, _stroke(ink, *_crossed(zigzag, ends_at, len(low))), lone, stations)
    nothing = np.ones(len(used), dtype=bool)
    line = _crossed(_zigzag(used, middle, middle, nothing, starts), ends_at, len(low))
    return Trace(_stroke(band_ink, *zigzag), _stroke(ink, *line), lone, stations)


Dots = tuple[Integers, Integers, NDArray[np.bool_]]
"""Columns, rows, and whether a new piece starts."""


def _crossed(dots: Dots, ends_at: Sequence[int | None], width: int) -> Dots:
    """Return the dots with those at both ends of the canvas where the line goes on out of sight."""
    columns, rows, fresh = dots
    left, right = ends_at
    if left is not None and not (len(columns) and columns[0] == 0):
        columns, rows = np.append(0, columns), np.append(left, rows)
        fresh = np.append([True], np.append(np.zeros(len(fresh[:1]), dtype=bool), fresh[1:]))
    if right is not None and not (len(columns) and columns[-1] == width - 1):
        columns, rows = np.append(columns, width - 1), np.append(rows, right)
        fresh = np.append(fresh, len(fresh) == 0)
    return columns.astype(np.int64), rows.astype(np.int64), fresh.astype(bool)


def _starts(columns: Columns, used: Integers) -> NDArray[np.bool_]:
    """Tell which of the used columns begin a new piece: the first, and those after nothing but NaN or Inf."""
    odd = (columns.nan + columns.pos_inf + columns.neg_inf > 0) & (columns.finite == 0)
    seen = np.cumsum(odd)[used]
    return np.append(True, seen[1:] > seen[:-1])


def _zigzag(
    used: Integers, bottom: Integers, top: Integers, rising: NDArray[np.bool_], starts: NDArray[np.bool_]
) -> Dots:
    """Return dots: both ends of each column, once where equal."""
    rows = np.empty((len(used), 2), dtype=np.int64)
    rows[:, 0] = np.where(rising, bottom, top)
    rows[:, 1] = np.where(rising, top, bottom)
    keep = np.ones((len(used), 2), dtype=bool)
    keep[:, 1] = top > bottom
    fresh = np.zeros((len(used), 2), dtype=bool)
    fresh[:, 0] = starts
    flat = keep.ravel()
    return np.repeat(used, 2)[flat], rows.ravel()[flat], fresh.ravel()[flat]


def _stroke(ink: int, columns: Integers, rows: Integers, fresh: NDArray[np.bool_]) -> Stroke:
    """Make a stroke of dots, without those in the middle of a level stretch."""
    level = np.zeros(len(rows), dtype=bool)
    level[1:-1] = (rows[1:-1] == rows[:-2]) & (rows[1:-1] == rows[2:]) & ~fresh[1:-1] & ~fresh[2:]
    kept = ~level
    return Stroke(ink, columns[kept].tolist(), rows[kept].tolist(), np.flatnonzero(fresh[kept]).tolist())


def _stations(used: Integers, rows: Integers) -> list[tuple[int, int]]:
    """Return dots for glyphs: every point of a sparse curve, one in ``GLYPH_EVERY`` cells of a full one."""
    cells = used // 2
    crowded = len(used) > 1 and np.median(np.diff(cells)) < GLYPH_EVERY // 2
    first_in_cell = np.diff(cells, prepend=-1) > 0
    chosen = first_in_cell & (cells % GLYPH_EVERY == GLYPH_EVERY // 2) if crowded else first_in_cell
    if not chosen.any():
        chosen[-1] = True
    return list(zip(used[chosen].tolist(), rows[chosen].tolist(), strict=True))
