"""Norms as numbers and as bars on a log scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tui.widgets.drawn.numbers import short

_EIGHTHS = " ▏▎▍▌▋▊▉█"
LEAST_DECADES = 3
"""Decades that a scale has at least, so that norms that are nearly equal look so."""


@dataclass(frozen=True)
class LogScale:
    """What the length of a bar means."""

    low: int
    """log10 where a bar begins."""
    high: int
    """log10 where it is full."""

    def words(self) -> str:
        """Return ``1e-4…1e1``."""
        return f"1e{self.low}…1e{self.high}"

    def bar(self, value: float | None, cells: int) -> str:
        """Return a bar: nothing for 0 and for no value, a sliver for what is at the scale's beginning."""
        if value is None or math.isnan(value) or value <= 0:
            return ""
        if math.isinf(value):
            return "█" * cells
        part = (math.log10(value) - self.low) / (self.high - self.low)
        eighths = max(1, min(round(part * cells * 8), cells * 8))
        full, rest = divmod(eighths, 8)
        return "█" * full + (_EIGHTHS[rest] if rest else "")


def scale_of(values: Iterable[float | None]) -> LogScale:
    """Return whole decades around the finite values above 0."""
    logs = [math.log10(value) for value in values if value and math.isfinite(value) and value > 0]
    if not logs:
        return LogScale(-LEAST_DECADES, 0)
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    low -= low == min(logs)  # what is least has a bar that can be seen
    return LogScale(min(low, high - LEAST_DECADES), high)


def norm_text(value: float | None) -> str:
    """Return a norm in three digits: ``0.0123``, ``1.2e-5``, ``NaN``; ``-`` where there is none."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return short(value)
    text = f"{value:.3g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa}e{int(exponent)}"


def percent(part: float | None) -> str:
    """Return a fraction in percent; nothing that is above 0 is called 0, nothing below 1 is called 100."""
    if part is None:
        return "-"
    if 0 < part < 0.01:
        return "<1%"
    if 0.99 < part < 1:
        return ">99%"
    return f"{100 * part:.0f}%"
