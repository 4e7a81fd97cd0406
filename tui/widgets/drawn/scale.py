"""From values to steps of colour: around zero where there are negative ones, from low to high where there are none.

Limits are robust: one outlier does not flatten the rest; values beyond them have the last step, and the legend says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tui.protocol.values import Number

STEPS = 9
"""Steps of colour on each side of zero, or from low to high."""
FAR = 3.0
"""An extreme that is so many times farther than the 95th percentile is beyond the limit."""

MANY = 8
"""Values from which on a percentile says anything."""
NEAR = 0.75
"""Part of the highest value above which the lowest is the scale's beginning in place of zero."""


@dataclass(frozen=True)
class Scale:
    """What colour means."""

    low: float
    """Value of the lowest step; of a diverging scale minus `high`."""
    high: float
    diverging: bool
    below: bool = False
    """Whether there are values below `low`."""
    above: bool = False

    def level(self, value: Number) -> str:
        """Return the step of a value: ``+3``, ``-2``, ``0``, ``s4`` of a scale without zero, ``nan``, ``inf``."""
        if math.isnan(value):
            return "nan"
        if math.isinf(value):
            return "inf"
        if self.diverging:
            step = min(math.ceil(abs(value) / self.high * STEPS), STEPS) if self.high else 0
            return "0" if step == 0 else f"{'-' if value < 0 else '+'}{step}"
        if self.high <= self.low:
            return f"s{STEPS // 2 if self.high else 0}"
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"s{round(part * STEPS)}"

    def fraction(self, value: Number) -> float:
        """Return how far a value is from the baseline, 0 to 1, negative below zero; infinite ones at the end."""
        base = 0.0 if self.diverging else self.low
        reach = self.high - base
        if reach <= 0:
            return 0.0 if self.diverging or self.high == 0 else 1.0
        return max(min((value - base) / reach, 1.0), -1.0)


def scale_of(values: Iterable[Number]) -> Scale:
    """Return the scale for some values; what is not finite does not count."""
    finite = sorted(float(value) for value in values if math.isfinite(value))
    if not finite:
        return Scale(0.0, 0.0, diverging=False)
    least, most = finite[0], finite[-1]
    if least < 0:
        limit = _limit([abs(value) for value in finite])
        return Scale(-limit, limit, diverging=True, below=least < -limit, above=most > limit)
    if least <= NEAR * most:
        high = _limit(finite)
        return Scale(0.0, high, diverging=False, above=most > high)
    high = least + _limit([value - least for value in finite])
    return Scale(least, high, diverging=False, above=most > high)


def _limit(sizes: list[float]) -> float:
    """Return a limit for values from 0 up: the largest, but for a few that are far from the many others."""
    most = max(sizes)
    if len(sizes) < MANY:
        return most
    sizes = sorted(size for size in sizes if size > 0)
    if not sizes:
        return 0.0
    usual = sizes[int(0.95 * (len(sizes) - 1))]
    return most if most <= FAR * usual else usual
