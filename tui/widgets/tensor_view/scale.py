"""From a value to the step of a colour scale: diverging around zero, or sequential. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tui.protocol.viewing import Statistics
from tui.widgets.tensor_view.numbers import Cell

Reach = Literal["robust", "full", "off"]
REACHES: Final[tuple[Reach, ...]] = get_args(Reach)
STEPS: Final = 8
"""Steps of colour on either side of the middle."""
OUTLIER: Final = 0.02
"""Share of the values seen on either side that a robust scale leaves beyond its ends."""
FEW: Final = 12
"""Below so many values none is left out."""


@dataclass(frozen=True)
class Limits:
    """The values at the two ends of a scale."""

    low: float
    high: float
    seen_only: bool = True
    """Whether they are of the values on the screen so far, not of the whole tensor."""

    @property
    def diverging(self) -> bool:
        """Whether there are values on both sides of zero, or only negative ones: then zero is the middle."""
        return self.low < 0

    @property
    def reach(self) -> float:
        """Of a diverging scale: the absolute value at both ends."""
        return max(abs(self.low), abs(self.high))

    def joined(self, other: Limits | None) -> Limits:
        """Return limits that hold both."""
        if other is None:
            return self
        return Limits(min(self.low, other.low), max(self.high, other.high), self.seen_only)

    def step(self, value: float) -> int:
        """Return the step of a finite value, -9 to 9: 0 is the middle or the low end, 9 is beyond the high end."""
        low, span = (0.0, self.reach) if self.diverging else (self.low, self.high - self.low)
        if span <= 0:
            return 0
        part = (value - low) / span
        if abs(part) > 1 + 1e-9 or (not self.diverging and part < -1e-9):
            return (STEPS + 1) if part > 0 else (-(STEPS + 1) if self.diverging else 0)
        return round(part * STEPS)


def magnitude(cell: Cell) -> float | None:
    """Return the finite number that decides a cell's colour, |z| of a complex one; None where there is none."""
    if cell.value is None or cell.is_nan or cell.is_infinite:
        return None
    try:
        value = float(cell.value)
        return value if cell.imaginary is None else math.hypot(value, float(cell.imaginary))
    except OverflowError:
        return None


def seen_limits(cells: Iterable[Cell], reach: Reach) -> Limits | None:
    """Return the limits of values that were read: all of them, or without the few at either end."""
    values = sorted(value for cell in cells if (value := magnitude(cell)) is not None)
    if not values or reach == "off":
        return None
    robust = reach == "robust" and len(values) >= FEW
    drop = max(1, int(len(values) * OUTLIER)) if robust else 0
    return Limits(values[drop], values[-1 - drop])


def known_limits(statistics: Statistics, reach: Reach) -> Limits | None:
    """Return the limits of a whole tensor: its quantiles, or its smallest and largest value."""
    if reach == "off":
        return None
    known = {fraction: value for fraction, value in statistics.quantiles if math.isfinite(value)}
    facts = statistics.facts
    if reach == "robust" and 0.01 in known and 0.99 in known and known[0.01] < known[0.99]:
        return Limits(known[0.01], known[0.99], seen_only=False)
    low = facts.minimum if facts.minimum is not None else known.get(0.0)
    high = facts.maximum if facts.maximum is not None else known.get(1.0)
    return None if low is None or high is None else Limits(low, high, seen_only=False)


def cell_style(cell: Cell, limits: Limits | None, *, boolean: bool = False) -> str:
    """Return the name of a cell's style: ``nan``, ``inf``, ``nothing``, ``true`` or a step: ``heat+3``, ``heats3``."""
    if cell.value is None:
        return "nothing"
    if cell.is_nan:
        return "nan"
    if cell.is_infinite:
        return "inf"
    if boolean:
        return "true" if cell.value else "nothing"
    value = magnitude(cell)
    if limits is None or value is None:
        return ""
    return step_name(limits.step(value), diverging=limits.diverging)


def step_name(step: int, *, diverging: bool) -> str:
    """Return the style of a step, of those in `drawn.styles`; that of the middle around zero is the plain one."""
    if not diverging:
        return f"heats{max(step, 0)}"
    return f"heat{step:+d}" if step else ""


HEAT_STYLES: Final = (
    *(step_name(step, diverging=True) for step in range(-STEPS - 1, STEPS + 2) if step),
    *(step_name(step, diverging=False) for step in range(STEPS + 2)),
)
