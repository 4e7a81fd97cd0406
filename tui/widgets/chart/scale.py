"""The ranges of the axes. They change rarely: an axis that moves repaints every cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.widgets.chart.clock_ticks import clock_labels, clock_tick_values
from tui.widgets.chart.even_ticks import Even, even_ticks
from tui.widgets.chart.model import XUnit
from tui.widgets.chart.ticks import (
    log_ceiling,
    log_floor,
    log_tick_values,
    nice_step,
    tick_labels,
    tick_values,
)

AHEAD = 1.2
"""An axis whose data has grown out of it ends at so many times the data's end, so that it rarely moves."""
_TINY = 1e-300
"""Spans and values below this are nothing: their logarithms and quotients leave the range of a float."""
_TIDY = 1.03
"""At most so many times the data's end is the axis's, for the sake of a round number."""
_MOST_SPARE = 1.6
"""At so many times the end of data that grows an axis is kept."""
_FROM_ZERO = 0.1
"""An axis begins at zero where its data begins in this part of it."""
_FILLED = 0.45
"""The part of a log axis that data has to fill for its ticks to be powers of ten equally many rows apart."""
_GROWTH = 0.1
"""The part of its span that a y axis has to spare where data has just grown out of the one before."""
_SLACK = 1e-6
"""The part of a step by which data may lie beyond an axis unseen: that a float32 is beside its decimal number."""
_KEEP_Y = 0.55
"""A range is kept while the data fills this part of it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The range that an axis shows."""

    low: float
    high: float
    """Above ``low``; of a log axis both are positive."""
    log: bool = False
    even: Even | None = None
    """Ticks that are equally many rows apart; None: they stand where they fall."""

    def fraction(self, value: float) -> float:
        """Return where ``value`` lies: 0 at the low end, 1 at the high end, beyond them outside."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -math.inf
        return math.log(value / self.low) / math.log(self.high / self.low)

    def value(self, fraction: float) -> float:
        """Return the value at a fraction of the axis."""
        if self.log:
            return self.low * math.exp(math.log(self.high / self.low) * fraction)
        return self.low + (self.high - self.low) * fraction

    def names(self, most: int, unit: XUnit) -> list[tuple[float, str]]:
        """Return at most ``most`` values of an x axis worth a label, each with what it is called."""
        if unit != "time":
            values = self.ticks(most, whole=unit == "step" and self.high - self.low >= 2)
            return list(zip(values, tick_labels(values, log=self.log), strict=True))
        values = self.ticks(most) if self.log else clock_tick_values(self.low, self.high, most)
        return list(zip(values, clock_labels(values), strict=True))

    def ticks(self, most: int, *, whole: bool = False) -> list[float]:
        """Return at most ``most`` values worth a label."""
        if self.log:
            return log_tick_values(self.low, self.high, most)
        return tick_values(self.low, self.high, most, whole=whole)


def x_axis(
    data: tuple[float, float],
    before: Axis | None,
    *,
    low: float | None,
    high: float | None,
    log: bool,
    least: float = 10.0,
    floor: float = 1.0,
    window: tuple[float, float] | None = None,
    ahead: float = AHEAD,
    most: float | None = None,
) -> Axis:
    """Return the x axis for data in the range ``data``; ``low`` and ``high`` hold where they are given.

    ``least``: what the axis reaches to from the start. ``floor``: where a log axis begins, above 0. ``window``:
    exactly what is shown; None: all. It ends with the data; ``ahead``: where data has grown out of the axis
    ``before``, at so many times that, so that it rarely moves; 1: it never lies beyond the data. ``most``: where the
    data is to end, as far as that is known: the axis goes no further.
    """
    if window is not None:
        bottom, top = window
        bottom = max(bottom, floor) if log else bottom
        return Axis(bottom, top if top > bottom else bottom + (bottom if log else 1.0), log)
    first, last = data
    end = high if high is not None and (low is not None or last <= high) else None
    if end is None:
        spare = max(ahead, _MOST_SPARE) if ahead > 1 else _TIDY
        if before is not None and last <= before.high <= max(last * spare, least) * (1 + _SLACK):
            end = before.high
        else:
            end = max(_tidy(last * (1.0 if before is None or last < before.high else ahead)), least)
        if most is not None and last <= most < end * (1 + _GROWTH):
            end = max(most, min(least, end))
    bottom = low if low is not None else (0.0 if 0 <= first < end * _FROM_ZERO else first)
    if log:
        bottom = max(bottom, floor)
    return Axis(bottom, end if end > bottom else bottom + 1, log)


def y_axis(low: float, high: float, rows: int, before: Axis | None, *, log: bool) -> Axis:
    """Return the y axis for data from ``low`` to ``high`` on so many rows; log: both positive.

    Its ticks are equally many rows apart, but for those of a log axis of less than two powers of ten.
    """
    if before is not None and before.log == log and _still_fits(low, high, rows, before):
        return before
    grown = before is not None and before.log == log and before.even is not None and before.even.rows == rows
    if log:
        first, last = _roomier(math.log10(low), math.log10(high), before if grown else None)
        even = even_ticks(first, last, rows, whole=True)
        if even is not None and last - first >= _FILLED * (even.high - even.low):
            return Axis(10.0**even.low, 10.0**even.high, True, even)
        bottom, top = log_floor(low), log_ceiling(high)
        return Axis(bottom, top if top > bottom else 10 * bottom, log)
    span = high - low
    if span <= max(abs(high) * 1e-9, _TINY):
        margin = abs(high) if abs(high) > _TINY else 1.0
        low, high, span = (0.0 if low > 0 else low - margin), (0.0 if high < 0 else high + margin), 2 * margin
    even = even_ticks(*_roomier(low, high, before if grown else None), rows)
    if even is not None:
        return Axis(even.low, even.high, False, even)
    step = nice_step(span / max(2, min(5, rows // 2)))
    return Axis(math.floor(low / step + _SLACK) * step, math.ceil(high / step - _SLACK) * step)


def _roomier(low: float, high: float, before: Axis | None) -> tuple[float, float]:
    """Return the range with something to spare at the end where data has grown out of the axis ``before``."""
    if before is None or before.even is None:
        return low, high
    spare = _GROWTH * (high - low)
    return low - spare * (low < before.even.low), high + spare * (high > before.even.high)


def _still_fits(low: float, high: float, rows: int, axis: Axis) -> bool:
    if axis.even is not None and axis.even.rows != rows:
        return False
    bottom, top = axis.fraction(low), axis.fraction(high)
    return bottom >= -_SLACK and top <= 1 + _SLACK and (top - bottom >= _KEEP_Y or low == high)


def _tidy(value: float) -> float:
    """Return a number with few digits a little above ``value``: ``3000`` for ``2999``, where the last label stands."""
    if not value > 0 or not math.isfinite(value):
        return value
    power = 10.0 ** math.floor(math.log10(value))
    for unit in (power, power / 2, power / 10):
        found = math.ceil(value / unit * (1 - 1e-12)) * unit
        if found <= value * _TIDY:
            return found
    return value
