"""Ranges of a y axis whose ticks are equally many rows apart: what stands unevenly is read as a bent axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

DOTS_PER_ROW = 4
_TICK_DOT = 1
"""The dot of its row, from the bottom, that a tick lies on: one of the two in the middle."""
_FACTORS = (1.0, 2.0, 2.5, 5.0)
_SLACK = 1e-6
"""The part of a dot by which data may lie beyond the range: that a float32 is beside its decimal number."""
_WORTH = {0: 0.0, 1: 0.0, 2: 0.8, 3: 0.95}
"""What a range with so few ticks counts beside one of more, up to `_MANY`."""
_MANY, _MANY_WORTH = 6, 0.9


@dataclass(frozen=True, slots=True)
class Even:
    """A range, and its ticks."""

    low: float
    """The value of the lowest dot; of a log axis its power of ten, as are all of these."""
    high: float
    """The value of the highest dot."""
    step: float
    """From a tick to the next."""
    apart: int
    """Rows from a tick to the next."""
    rows: int
    """All there are."""

    def ticks(self) -> list[tuple[int, float]]:
        """Return the row of each tick, counted from the bottom, and its value."""
        dot = self.step / (self.apart * DOTS_PER_ROW)
        first = math.ceil(self.low / self.step + 1e-9)
        found = []
        for index in range(first, first + self.rows + 1):
            row = round(((index * self.step - self.low) / dot - _TICK_DOT) / DOTS_PER_ROW)
            if row < self.rows:
                found.append((row, index * self.step))
        return found


def even_ticks(low: float, high: float, rows: int, *, whole: bool = False) -> Even | None:
    """Return the range that ``low`` to ``high`` fills best on so many rows; None where there is none with two ticks.

    Args:
        whole: steps are whole numbers, as of powers of ten.
    """
    if rows < 2 or not high > low or not math.isfinite(high - low):
        return None
    best: tuple[float, Even] | None = None
    for apart in range(1 if rows < 5 else 2, rows):
        for step in _steps((high - low) * apart / rows, whole=whole):
            found = _placed(low, high, step, apart, rows)
            if found is None:
                continue
            ticks = len(found.ticks())
            worth = _WORTH.get(ticks, 1.0 if ticks <= _MANY else _MANY_WORTH)
            score = worth * (high - low) / (found.high - found.low)
            if score > (best[0] + _SLACK if best is not None else 0.0):
                best = score, found
            break  # a longer step fills less
    return best[1] if best is not None else None


def _steps(least: float, *, whole: bool) -> Iterator[float]:
    """Yield nice steps from about ``least`` on."""
    power = 10.0 ** math.floor(math.log10(least))
    for scale in (power, 10 * power):
        for factor in _FACTORS:
            step = factor * scale
            if step >= least * (1 - 1e-9) and not (whole and step % 1):
                yield step
    if whole and 10 * power < 1:
        yield 1.0


def _placed(low: float, high: float, step: float, apart: int, rows: int) -> Even | None:
    """Return the range that begins as little below ``low`` as the rows allow; None where it ends below ``high``."""
    row = step / apart
    dot = row / DOTS_PER_ROW
    begin = math.floor((low + _TICK_DOT * dot) / row + _SLACK) * row - _TICK_DOT * dot
    end = begin + (DOTS_PER_ROW * rows - 1) * dot
    if not begin < begin + dot or end < high - _SLACK * dot:
        return None
    return Even(begin, end, step, apart, rows)
