"""The ranges of the axes. They change rarely: an axis that moves repaints every cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.widgets.chart.clock_ticks import clock_labels, clock_tick_values
from tui.widgets.chart.model import XUnit
from tui.widgets.chart.ticks import (
    log_ceiling,
    log_floor,
    log_tick_values,
    nice_step,
    tick_labels,
    tick_values,
)

_X_FACTORS = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_TINY = 1e-300
"""Spans and values below this are nothing: their logarithms and quotients leave the range of a float."""
_KEEP_Y = 0.4
"""A range is kept while the data fills this part of it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The range that an axis shows."""

    low: float
    high: float
    """Above ``low``; of a log axis both are positive."""
    log: bool = False

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
            return list(zip(values, tick_labels(values), strict=True))
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
) -> Axis:
    """Return the x axis for data in the range ``data``; ``low`` and ``high`` hold where they are given.

    ``least``: what the axis reaches to from the start. ``floor``: where a log axis begins, above 0. ``window``:
    exactly what is shown; None: all.
    """
    if window is not None:
        bottom, top = window
        bottom = max(bottom, floor) if log else bottom
        return Axis(bottom, top if top > bottom else bottom + (bottom if log else 1.0), log)
    first, last = data
    end = high if high is not None and (low is not None or last <= high) else None
    if end is None:
        kept = before is not None and last <= before.high <= 4 * max(last, least)
        end = before.high if before is not None and kept else _round_up(max(last, least))
    bottom = low if low is not None else (0.0 if first < end / 2 else _round_down(first, end))
    if log:
        bottom = max(bottom, floor)
    return Axis(bottom, end if end > bottom else bottom + 1, log)


def y_axis(low: float, high: float, rows: int, before: Axis | None, *, log: bool) -> Axis:
    """Return the y axis for data from ``low`` to ``high``, with ends that are ticks; log: both positive."""
    if before is not None and before.log == log and _still_fits(low, high, before):
        return before
    if log:
        bottom, top = log_floor(low), log_ceiling(high)
        return Axis(bottom, top if top > bottom else 10 * bottom, log)
    span = high - low
    if span <= max(abs(high) * 1e-9, _TINY):
        margin = abs(high) if abs(high) > _TINY else 1.0
        low, high, span = (0.0 if low > 0 else low - margin), (0.0 if high < 0 else high + margin), 2 * margin
    step = nice_step(span / max(2, min(5, rows // 2)))
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def _still_fits(low: float, high: float, axis: Axis) -> bool:
    bottom, top = axis.fraction(low), axis.fraction(high)
    return bottom >= -1e-9 and top <= 1 + 1e-9 and (top - bottom >= _KEEP_Y or low == high)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in _X_FACTORS if factor * power >= value * (1 - 1e-12))


def _round_down(value: float, top: float) -> float:
    step = nice_step(max(1.0, (top - value) / 4))
    return math.floor(value / step) * step
