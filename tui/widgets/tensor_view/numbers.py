"""How one value of a tensor is written: fixed, scientific, significant digits, hexadecimal, bits. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from tui.protocol.values import Number
from tui.widgets.tensor_view.dtypes import DType, bits_text, dtype_of, hex_text

Style = Literal["fixed", "scientific", "significant", "hex", "bits"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)
MOST_DIGITS: Final = 17
"""So many significant digits tell every float64 from its neighbours."""
FIXED_LIMIT: Final = 1e6
"""From here on a fixed-point number is wider than it is useful."""

NAN, INFINITY, NOTHING = "NaN", "∞", "·"


@dataclass(frozen=True)
class Cell:
    """One value of a window."""

    value: Number | None
    """None where nothing is stored."""
    imaginary: Number | None = None
    """Of a complex value; else None."""
    bits: int | None = None
    """The stored pattern, where it was asked for and there is one."""

    @property
    def is_nan(self) -> bool:
        """Whether the value, or a part of a complex one, is no number."""
        return any(part is not None and part != part for part in (self.value, self.imaginary))

    @property
    def is_infinite(self) -> bool:
        """Whether the value, or a part of a complex one, is infinite."""
        return any(isinstance(part, float) and math.isinf(part) for part in (self.value, self.imaginary))


@dataclass(frozen=True)
class NumberFormat:
    """How values are written."""

    style: Style = "fixed"
    digits: int = 4
    """Behind the point; of `significant`, all of them."""

    def next_style(self, step: int = 1) -> NumberFormat:
        """Return the format with the next way to write."""
        return replace(self, style=STYLES[(STYLES.index(self.style) + step) % len(STYLES)])

    def with_more_digits(self, more: int) -> NumberFormat:
        """Return the format with more digits, or fewer."""
        least = 1 if self.style == "significant" else 0
        return replace(self, digits=min(MOST_DIGITS, max(least, self.digits + more)))

    @property
    def wants_bits(self) -> bool:
        """Whether the stored patterns are shown."""
        return self.style in ("hex", "bits")

    @property
    def words(self) -> str:
        """The format for people."""
        if self.wants_bits:
            return self.style
        return f"{self.style} {self.digits}"


def write(cell: Cell, dtype_name: str, how: NumberFormat) -> str:
    """Return a value as text, not padded.

    A fixed-point number that would hide the value (rounds to 0, or is very long) is written with an exponent.
    """
    dtype = dtype_of(dtype_name)
    if cell.value is None:
        return NOTHING
    if how.wants_bits and cell.bits is not None:
        return hex_text(cell.bits, dtype) if how.style == "hex" else bits_text(cell.bits, dtype)
    if dtype.kind == "bool":
        return "True" if cell.value else NOTHING
    if cell.imaginary is None:
        return _real(cell.value, how)
    imaginary = _real(cell.imaginary, how)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{_real(cell.value, how)}{sign}{imaginary}j"


def _real(value: Number, how: NumberFormat) -> str:
    if isinstance(value, int):
        return f"{value:.{how.digits}e}" if how.style == "scientific" else str(value)
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return INFINITY if value > 0 else f"-{INFINITY}"
    if how.style == "scientific":
        return f"{value:.{how.digits}e}"
    if how.style == "fixed":
        return _fixed(value, how.digits)
    return f"{value:.{max(1, how.digits)}g}"


def _fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    hidden = value != 0 and float(text) == 0
    if abs(value) >= FIXED_LIMIT or hidden:
        return f"{value:.{max(0, min(digits, 4) - 2)}e}"
    return text


def full(cell: Cell, dtype_name: str) -> str:
    """Return a value with all its digits: what `item()` prints."""
    dtype = dtype_of(dtype_name)
    if cell.value is None:
        return "nothing stored"
    if dtype.kind == "bool":
        return str(bool(cell.value))
    if cell.imaginary is not None:
        return f"{cell.value!r}{'' if _negative(cell.imaginary) else '+'}{cell.imaginary!r}j"
    return repr(cell.value)


def _negative(value: Number) -> bool:
    return math.copysign(1.0, value) < 0 and value == value


def stored(cell: Cell, dtype_name: str) -> str:
    """Return the stored pattern in both forms, empty where it is not known."""
    if cell.bits is None:
        return ""
    dtype: DType = dtype_of(dtype_name)
    return f"{hex_text(cell.bits, dtype)}  {bits_text(cell.bits, dtype)}"


def short(value: float | None, digits: int = 4) -> str:
    """Return a statistic in a few digits; ``–`` where there is none."""
    if value is None:
        return "–"
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return INFINITY if value > 0 else f"-{INFINITY}"
    return f"{value or 0.0:.{digits}g}"


def fitting(value: float | None, width: int) -> str:
    """Return a statistic in as many digits as fit, up to four."""
    return next((text for digits in (4, 3) if len(text := short(value, digits)) <= width), short(value, 2))


def tolerance(value: float) -> str:
    """Return a tolerance as people write it: ``1e-5``."""
    return f"{value:g}".replace("e-0", "e-")


def usual_width(dtype_name: str, how: NumberFormat) -> int:
    """Return the cells that a value usually takes: where a column's width begins before values have come."""
    dtype = dtype_of(dtype_name)
    if how.style == "hex" and dtype.kind != "complex":
        return 2 + dtype.bits // 4
    if how.style == "bits" and dtype.kind != "complex":
        return dtype.bits + len(dtype.fields) - 1
    if dtype.kind == "bool":
        return 4
    if dtype.kind in ("int", "uint"):
        return how.digits + 6 if how.style == "scientific" else 3
    width = how.digits + (7 if how.style == "scientific" else 3)
    return 2 * width + 1 if dtype.kind == "complex" else width
