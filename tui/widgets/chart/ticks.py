"""Where an axis has its ticks, and what they are called."""

from __future__ import annotations

import math
from itertools import pairwise

_SUFFIXES = ("", "k", "M", "G", "T")


def nice_step(least: float, *, whole: bool = False) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is at least ``least``.

    With ``whole`` it is a whole number.
    """
    if whole and least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    for factor in (1, 2, 2.5, 5, 10):
        if factor * power >= least * (1 - 1e-9) and not (whole and factor * power % 1):
            return factor * power
    return 10 * power


def tick_values(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most ``most`` multiples of a nice step in [low, high]: as many as can be.

    Of two steps that give equally many, the one that has a tick at both ends is taken.
    """
    if not high > low or most < 1:
        return []
    step = nice_step((high - low) / most, whole=whole)
    while len(fine := _multiples(low, high, step)) > most:
        step = nice_step(step * 1.01, whole=whole)
    coarse = _multiples(low, high, nice_step(step * 1.01, whole=whole))
    return coarse if len(coarse) == len(fine) else fine


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_tick_values(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` powers of ten in [low, high], or 1, 2, 5 times them where those are too few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last > first:
        stride = max(1, -(-(last - first + 1) // max(1, most)))
        return [10.0**exponent for exponent in range(first, last + 1, stride)]
    finer = [factor * 10.0**exponent for exponent in range(first - 1, last + 2) for factor in (1, 2, 5)]
    inside = [value for value in finer if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return inside if len(inside) <= most else [inside[0], inside[-1]][:most]


def log_floor(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is at most ``value``, which is positive."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(factor * power for factor in (0.5, 1, 2, 5) if factor * power <= value * (1 + 1e-9))


def log_ceiling(value: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least ``value``, which is positive."""
    power = 10.0 ** math.floor(math.log10(value))
    return min(factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= value * (1 - 1e-9))


def tick_labels(values: list[float], *, log: bool = False) -> list[str]:
    """Return short names that tell the values of one axis apart: ``1.2k``, ``0.035``, ``1e-4``.

    With ``log`` each is named for itself: no two of a logarithmic axis are of one size.
    """
    if not values:
        return []
    if log:
        return [_tick_label(value, abs(value) or 1.0) for value in values]
    gaps = [after - before for before, after in pairwise(values)]
    step = min(gaps, default=0.0) or max(map(abs, values)) or 1.0
    return [_tick_label(value, step) for value in values]


def _tick_label(value: float, step: float) -> str:
    size = abs(value)
    if size < step * 1e-6:
        return "0"
    if size >= 1000 * 1000 ** len(_SUFFIXES):
        return _scientific(value, step)
    if size >= 1000:
        group = min(int(math.log10(size) / 3 + 1e-9), len(_SUFFIXES) - 1)
        scale = 1000.0**group
        return f"{_plain(value / scale, step / scale)}{_SUFFIXES[group]}"
    if step < 1e-3 and size < 0.1:
        return _scientific(value, step)
    return _plain(value, step)


def _plain(value: float, step: float) -> str:
    """Write with as many decimals as tell two values a step apart, and no zeros at the end."""
    digits = 3 - math.floor(math.log10(step))
    text = f"{value:.{min(max(0, digits), 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scientific(value: float, step: float) -> str:
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{_plain(value / 10.0**exponent, step / 10.0**exponent)}e{exponent}"


def value_text(value: float) -> str:
    """Return a number in at most 8 characters or so, with four digits that count: ``0.1234``, ``1.23e-5``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    size = abs(value)
    if value == 0:
        return "0"
    if 1e-3 <= size < 1e5:
        return f"{value:.{max(0, 3 - math.floor(math.log10(size)))}f}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def count_text(count: int) -> str:
    """Return a count, short: ``950``, ``12.3k``, ``1.05M``."""
    scaled, suffix = float(count), ""
    for suffix in _SUFFIXES:
        if scaled < 999.5 or suffix == _SUFFIXES[-1]:
            break
        scaled /= 1000
    return f"{scaled:.3g}{suffix}" if suffix else str(count)
