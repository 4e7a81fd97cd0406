"""From points to what is drawn of them on a canvas of a given size. A dot column is half a cell wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tui.widgets.chart.model import Columns, Points
from tui.widgets.chart.scale import Axis

DENSE = 3
"""From this many points in a dot column on, a curve is drawn as a band of all and a line of their means."""
EDGE = 1e-6
"""The part of an axis by which a value may lie beyond it unseen."""

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
    above: float | None = None
    """The largest value beyond the upper end of the y axis; None: there is none."""
    below: float | None = None
    """The smallest one beyond its lower end."""


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


def oddities(columns: Columns, axis: Axis) -> Oddities:
    """Return where values are that have no place on the axis."""
    log = axis.log
    lows, highs = columns.low_positive if log else columns.low, columns.high
    above = float(np.max(highs[np.isfinite(highs)], initial=-np.inf))
    below = float(np.min(lows[np.isfinite(lows)], initial=np.inf))

    def by_cell(counts: Integers) -> dict[int, int]:
        cells = counts.reshape(-1, 2).sum(axis=1)
        return {int(cell): int(cells[cell]) for cell in np.flatnonzero(cells)}

    return Oddities(
        by_cell(columns.nan),
        by_cell(columns.pos_inf),
        by_cell(columns.neg_inf),
        by_cell(columns.non_positive) if log else {},
        above=above if math.isfinite(above) and axis.fraction(above) > 1 + EDGE else None,
        below=below if math.isfinite(below) and axis.fraction(below) < -EDGE else None,
    )


def fractions_of(values: NDArray[np.float64], axis: Axis) -> NDArray[np.float64]:
    """Return where values lie on an axis: 0 at its low end, 1 at its high end; of a log axis they are positive."""
    with np.errstate(over="ignore"):
        if axis.log:
            return np.asarray(np.log(values / axis.low) / np.log(axis.high / axis.low))
        return np.asarray((values - axis.low) / (axis.high - axis.low))


def dot_rows(values: NDArray[np.float64], axis: Axis, height: int) -> Integers:
    """Return the dot row, from the bottom, of each value on a canvas ``height`` cells high."""
    fractions = np.clip(fractions_of(values, axis), -1.0, 2.0)
    rows: Integers = np.clip(np.rint(fractions * (4 * height - 1)), 0, 4 * height - 1).astype(np.int64)
    return rows
