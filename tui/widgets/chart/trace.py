"""The strokes of a curve: its line, its band, where it leaves the picture. A dot column is half a cell wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tui.widgets.chart.curves import DENSE, EDGE, Borders, Integers, dot_rows, fractions_of
from tui.widgets.chart.model import Columns
from tui.widgets.chart.plot import Stroke
from tui.widgets.chart.scale import Axis

GLYPH_EVERY = 8
"""Cells between two glyphs on a curve that has many points."""


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
    leaves: list[tuple[int, bool]] = field(default_factory=list)
    """Dot columns in which it leaves the picture, and whether that is upwards."""


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
    ends_at = [_end_dot(value, axis, height) for value in crossed]
    if not len(used):
        none = np.empty(0, dtype=np.int64)
        line = _crossed((none, none, np.empty(0, dtype=bool)), ends_at, len(low))
        return Trace(None, _stroke(ink, *line) if len(line[0]) > 1 else None, [], [])
    out = _out(used, low, high, axis)
    starts = _starts(columns, used)
    dense = len(used) > 1 and np.median(columns.finite[used]) >= DENSE
    used, starts, gone = out.seen(used, starts)
    if not len(used):
        return Trace(None, None, [], [], out.leaves)
    bottom, top = dot_rows(low[used], axis, height), dot_rows(high[used], axis, height)
    zigzag = _zigzag(used, bottom, top, columns.last[used] >= columns.first[used], starts)
    mean = (columns if smooth is None else smooth).mean[used]
    if smooth is None:
        mean = np.where(mean >= low[used], mean, low[used])
    else:  # a smoothed value may lie anywhere between those of other columns
        mean = np.where(np.isnan(mean) | (mean <= 0 if axis.log else False), low[used], mean)
    middle = dot_rows(mean, axis, height)
    ends = np.append(starts[1:], True)
    alone = starts & ends & (top - bottom < 2) & ~gone
    alone[0] &= ends_at[0] is None
    alone[-1] &= ends_at[1] is None
    lone = list(zip(used[alone].tolist(), middle[alone].tolist(), strict=True))
    stations = _stations(used[~gone], middle[~gone]) if glyphs and not gone.all() else []
    if not dense and smooth is None:
        return Trace(None, _stroke(ink, *_crossed(zigzag, ends_at, len(low))), lone, stations, out.leaves)
    nothing = np.ones(len(used), dtype=bool)
    line = _crossed(_zigzag(used, middle, middle, nothing, starts), ends_at, len(low))
    return Trace(_stroke(band_ink, *zigzag), _stroke(ink, *line), lone, stations, out.leaves)


def _end_dot(value: float | None, axis: Axis, height: int) -> int | None:
    """Return the dot row at which a line crosses an end of the x axis; None where it is out of the picture there."""
    if value is None or not -EDGE <= axis.fraction(value) <= 1 + EDGE:
        return None
    return int(dot_rows(np.array([value]), axis, height)[0])


@dataclass(frozen=True)
class _Out:
    """Which of the used columns lie beyond the ends of the y axis."""

    gone: NDArray[np.bool_]
    """Wholly."""
    leaves: list[tuple[int, bool]]
    """Dot columns in which the line leaves, and whether upwards."""

    def seen(
        self, used: Integers, starts: NDArray[np.bool_]
    ) -> tuple[Integers, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the columns to draw, which of them begin a piece, and which are at the edge alone.

        Of a stretch out of sight those next to what is seen are drawn, so that the line is seen to leave.
        """
        gone = self.gone
        if not gone.any():
            return used, starts, gone
        beside = np.append(True, gone[:-1]) & np.append(gone[1:], True)
        keep = np.flatnonzero(~(gone & beside))
        pieces = np.cumsum(starts)[keep]
        fresh = np.append(
            True, (np.diff(pieces) > 0) | (np.diff(keep) > 1) | (gone[keep][1:] & gone[keep][:-1])
        )
        return used[keep], fresh[: len(keep)], gone[keep]


def _out(used: Integers, low: NDArray[np.float64], high: NDArray[np.float64], axis: Axis) -> _Out:
    """Find the columns that are beyond the ends of the axis."""
    bottoms, tops = fractions_of(low[used], axis), fractions_of(high[used], axis)
    over, under = tops > 1 + EDGE, bottoms < -EDGE
    gone = (bottoms > 1 + EDGE) | (tops < -EDGE)
    beside = np.append(True, gone[:-1]) & np.append(gone[1:], True)
    told = ~(gone & beside)
    if gone.all():
        told[[0, -1]] = True
    leaves = [(column, True) for column in used[over & told].tolist()]
    return _Out(gone, leaves + [(column, False) for column in used[under & told].tolist()])


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
