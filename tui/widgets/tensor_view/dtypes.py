"""What is known of torch's dtypes by their short names: how wide they are, and how their bits are grouped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["float", "int", "uint", "bool", "complex", "unknown"]


@dataclass(frozen=True)
class DType:
    """How a dtype stores a value."""

    kind: Kind
    bits: int
    """Width of the stored pattern."""
    fields: tuple[int, ...]
    """Widths of the groups in which the bits are read, from the highest: sign, exponent, mantissa; or nibbles."""


def _integer(kind: Kind, bits: int) -> DType:
    return DType(kind, bits, (4,) * (bits // 4))


_KNOWN: Final[dict[str, DType]] = {
    "float64": DType("float", 64, (1, 11, 52)),
    "float32": DType("float", 32, (1, 8, 23)),
    "float16": DType("float", 16, (1, 5, 10)),
    "bfloat16": DType("float", 16, (1, 8, 7)),
    "float8_e4m3fn": DType("float", 8, (1, 4, 3)),
    "float8_e4m3fnuz": DType("float", 8, (1, 4, 3)),
    "float8_e5m2": DType("float", 8, (1, 5, 2)),
    "float8_e5m2fnuz": DType("float", 8, (1, 5, 2)),
    "float8_e8m0fnu": DType("float", 8, (8,)),
    "bool": DType("bool", 8, (8,)),
    "complex32": DType("complex", 32, (16, 16)),
    "complex64": DType("complex", 64, (32, 32)),
    "complex128": DType("complex", 128, (64, 64)),
    **{f"int{bits}": _integer("int", bits) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": _integer("uint", bits) for bits in (8, 16, 32, 64)},
    # quantized: the values shown are those they stand for
    "qint8": DType("float", 8, (8,)),
    "quint8": DType("float", 8, (8,)),
    "qint32": DType("float", 32, (32,)),
}
_UNKNOWN: Final = DType("unknown", 64, (64,))


def dtype_of(name: str) -> DType:
    """Return what is known of a dtype by its short name; one that is not known counts as 64 bits wide."""
    return _KNOWN.get(name.removeprefix("torch."), _UNKNOWN)


def hex_text(pattern: int, dtype: DType) -> str:
    """Return a stored pattern as hexadecimal, with the dtype's own number of digits."""
    return f"0x{pattern:0{max(1, dtype.bits // 4)}x}"


def bits_text(pattern: int, dtype: DType) -> str:
    """Return a stored pattern as bits in the dtype's groups: ``0 01111111 00000000000000000000000``."""
    digits = f"{pattern:0{dtype.bits}b}"
    groups, start = [], len(digits) - sum(dtype.fields)
    for width in dtype.fields:
        groups.append(digits[max(0, start) : start + width])
        start += width
    return " ".join(groups)
