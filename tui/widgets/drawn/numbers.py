"""Numbers of a picture as text: one format for all of them, so that columns can be read down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from tui.protocol.values import Number

Write = Callable[[Number], str]


def short(value: float) -> str:
    """Return one number in at most four significant digits: ``-2.1``, ``0.004``, ``1.2e9``, ``∞``."""
    if not math.isfinite(value):
        return _special(value)
    if isinstance(value, int) and abs(value) < 10**6:
        return str(value)
    return _without_zeros(f"{value:.4g}")


def writer(values: Iterable[Number], boolean: bool = False) -> Write:
    """Return the function that writes these numbers: whole, with so many decimals, or with exponents."""
    if boolean:
        return lambda value: "T" if value else "F"
    finite = [value for value in values if math.isfinite(value)]
    if all(isinstance(value, int) for value in finite):
        return lambda value: str(value) if isinstance(value, int) and abs(value) < 10**9 else short(value)
    largest = max(abs(value) for value in finite)
    if largest < 1e5 and all(value == int(value) for value in finite):
        return _plain(lambda value: f"{value:.0f}.")
    if 1e-3 <= largest < 1e5:
        decimals = max(2 - math.floor(math.log10(largest)), 1)
        return _plain(lambda value: f"{value:.{decimals}f}")
    return _plain(lambda value: "0" if value == 0 else _without_zeros(f"{value:.2e}"))


def _plain(write: Write) -> Write:
    return lambda value: write(value) if math.isfinite(value) else _special(value)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def _without_zeros(text: str) -> str:
    """Shorten an exponent: ``1.20e-05`` is ``1.2e-5``."""
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def complex_text(real: Number, imaginary: Number, write: Write) -> str:
    """Return ``1.0-2.0j``."""
    second = write(imaginary)
    return f"{write(real)}{second if second.startswith('-') else '+' + second}j"
