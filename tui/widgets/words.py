"""Numbers as people read them: bytes, counts, durations."""

from __future__ import annotations


def size(size_bytes: float) -> str:
    """Return bytes in three digits and a unit of a power of 1,000: ``512 B``, ``1.5 kB``, ``253 MB``."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def count(number: float) -> str:
    """Return a count in three digits: ``950``, ``1.2k``, ``25.6M``, ``1.3B``."""
    value = float(number)
    for unit in ("", "k", "M", "B", "T"):
        if abs(value) < 999.5 or unit == "T":
            return f"{value:.0f}{unit}" if not unit or abs(value) >= 99.95 else f"{value:.1f}{unit}"
        value /= 1000
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """Return a duration: ``0.4 s``, ``12 s``, ``3:05``, ``1:02:03``, ``2 d 3 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 48 * 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 86400} d {whole // 3600 % 24} h"


def shape(dimensions: tuple[int, ...] | None) -> str:
    """Return a shape as PyTorch's users write it: ``(32, 1, 8, 8)``, ``()`` for a scalar, empty for None."""
    if dimensions is None:
        return ""
    return (
        "("
        + ", ".join("?" if d < 0 else str(d) for d in dimensions)
        + ("," if len(dimensions) == 1 else "")
        + ")"
    )


def knob(value: object) -> str:
    """Return a knob's value: floats with four digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
