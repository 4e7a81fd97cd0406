"""Ticks of an axis of seconds, and what they are called: ``45s``, ``1m30``, ``2h``, ``1d12h``."""

from __future__ import annotations

import math

from tui.widgets.chart.ticks import nice_step, tick_values

_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
)  # fmt: skip
_DAY_S = 86_400


def clock_tick_values(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` multiples of a step that clocks have, in [low, high]."""
    least = (high - low) / max(1, most)
    if least <= _STEPS_S[0] / 2 or not high > low:
        return tick_values(low, high, most)
    step = next((step for step in _STEPS_S if step >= least), 0) or _DAY_S * nice_step(
        least / _DAY_S, whole=True
    )
    while True:
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [float(index * step) for index in range(first, last + 1)]
        step = next((each for each in _STEPS_S if each > step), 0) or max(_DAY_S, 2 * step)


def clock_labels(values: list[float]) -> list[str]:
    """Return short names that tell the values of one axis apart."""
    names = [clock_text(value) for value in values]
    return names if len(set(names)) == len(names) else [clock_text(value, exact=True) for value in values]


def clock_text(seconds: float, *, exact: bool = False) -> str:
    """Return a duration by its two largest units; `exact`: by all of them, as a clock shows it."""
    sign, size = ("-", -seconds) if seconds < 0 else ("", seconds)
    if size < 59.95 and not (exact and size >= 1):
        return f"{sign}{size:.3g}s"
    whole = round(size)
    days, hours, minutes, rest = whole // _DAY_S, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if exact:
        tail = f".{round((size % 1) * 1000) % 1000:03d}" if size % 1 > 5e-4 else ""
        head = f"{days}d" if days else ""
        whole_s = math.floor(size) if tail else whole
        return f"{sign}{head}{whole_s // 3600 % 24}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d}{tail}"
    if days:
        return f"{sign}{days}d" + (f"{hours}h" if hours else "")
    if hours:
        return f"{sign}{hours}h" + (f"{minutes:02d}" if minutes else "")
    return f"{sign}{minutes}m" + (f"{rest:02d}" if rest else "")
