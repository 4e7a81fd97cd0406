"""What is typed in a field of the form, read by its kind, and refused with what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from tui.protocol.preset import Knob, parse_knob
from tui.protocol.run import KnobValue

Value = KnobValue | None
"""None: left to the preset, or without limit."""
Read = Callable[[str], Value]
"""Reads a text; raises ValueError, in words, for one that the field cannot have."""

_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INTERVAL: Final = re.compile(rf"\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]|({_NUMBER})\s*\.\.\s*({_NUMBER})")
_LEAST: Final = re.compile(rf"(?:at least|>=|≥)\s*({_NUMBER})(?!\d)")
_ONE_OF: Final = re.compile(r"one of:?\s+([^;.()]+)")
_KINDS: Final = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "a text"}
DEVICES: Final = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def value_text(value: KnobValue) -> str:
    """Return a value as people write it: ``1e-5``, ``0.001``, ``True``."""
    return re.sub(r"e([-+])0*(?=\d)", lambda found: "e" + found[1].replace("+", ""), str(value))


def read_knob(knob: Knob) -> Read:
    """Return what reads a knob: its type, and the range or the words that the comment beside it gives.

    A comment gives a range as ``[0, 1]``, ``0..1``, ``at least 1`` or ``>= 1``, words as ``one of relu, gelu``; what
    the default itself does not keep to is none.
    """
    low, high = range_of(knob)
    words = words_of(knob)

    def read(text: str) -> Value:
        try:
            value = parse_knob(knob, text)
        except ValueError:
            example = "" if knob.type == "bool" else f", such as {value_text(knob.default)}"
            raise ValueError(
                f"{knob.name} takes {_KINDS[knob.type]}{example}, got {text.strip()!r}"
            ) from None
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"{knob.name} takes a number, got {text.strip()!r}")
        if isinstance(value, int | float) and not low <= value <= high:
            raise ValueError(f"{knob.name} takes {_range_words(low, high)}, got {text.strip()}")
        if words and value not in words:
            raise ValueError(f"{knob.name} takes one of {', '.join(words)}, got {text!r}")
        return value

    return read


def range_of(knob: Knob) -> tuple[float, float]:
    """Return the least and the greatest value of a knob, infinite where its comment gives none."""
    low, high = -math.inf, math.inf
    if knob.type not in ("int", "float"):
        return low, high
    if found := _INTERVAL.search(knob.help):
        low, high = (float(text) for text in found.groups() if text)
    elif found := _LEAST.search(knob.help):
        low = float(found[1])
    inside = isinstance(knob.default, int | float) and low <= knob.default <= high
    return (low, high) if inside else (-math.inf, math.inf)


def words_of(knob: Knob) -> tuple[str, ...]:
    """Return the words that a text knob can be, empty where its comment does not say."""
    found = _ONE_OF.search(knob.help) if knob.type == "str" else None
    words = re.findall(r"[\w.+-]+", found[1].replace(" or ", ", ").replace(" and ", ", ")) if found else []
    return tuple(words) if knob.default in words else ()


def _range_words(low: float, high: float) -> str:
    if high == math.inf:
        return f"{low:g} or more"
    return f"{low:g} to {high:g}" if low != -math.inf else f"{high:g} or less"


def whole(name: str, least: int) -> Read:
    """Return what reads a whole number; empty is None."""

    def read(text: str) -> Value:
        cleaned = text.strip().replace(",", "").replace("_", "")
        if _is_left_open(cleaned):
            return None
        try:
            number = float(cleaned) if re.fullmatch(_NUMBER, cleaned) else math.nan
            if not number.is_integer() or number < least:
                raise ValueError
        except (ValueError, OverflowError):
            raise ValueError(f"{name} takes a whole number, {least} or more, got {text.strip()!r}") from None
        return int(number) if re.search(r"[.eE]", cleaned) else int(cleaned)

    return read


def positive(name: str) -> Read:
    """Return what reads a number above zero; empty is None."""

    def read(text: str) -> Value:
        cleaned = text.strip()
        if _is_left_open(cleaned):
            return None
        number = float(cleaned) if re.fullmatch(_NUMBER, cleaned) else math.nan
        if not 0 < number < math.inf:
            raise ValueError(f"{name} takes a number above 0, got {cleaned!r}")
        return number

    return read


def _is_left_open(text: str) -> bool:
    return text.lower() in ("", "none", "off")


def one_of(name: str, values: dict[str, KnobValue]) -> Read:
    """Return what reads one of some words, or its beginning where only one begins so."""

    def read(text: str) -> Value:
        wanted = text.strip().lower()
        found = [word for word in values if word.lower() == wanted] or [
            word for word in values if wanted and word.lower().startswith(wanted)
        ]
        if len(found) != 1:
            raise ValueError(f"{name} takes one of {', '.join(values)}, got {text.strip()!r}")
        return values[found[0]]

    return read


def read_device(text: str) -> Value:
    """Read a device; whether there is one is the kernel's to say."""
    if not DEVICES.fullmatch(text.strip()):
        raise ValueError(f"device takes auto, cpu, cuda, cuda:N or mps, got {text.strip()!r}")
    return text.strip()


def read_words(text: str) -> Value:
    """Read any text."""
    return text.strip()
