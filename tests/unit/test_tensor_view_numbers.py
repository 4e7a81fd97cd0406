"""How single values are written, in every format and of every kind of dtype."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.tensor_view.dtypes import bits_text, dtype_of, hex_text
from tui.widgets.tensor_view.numbers import (
    STYLES,
    Cell,
    NumberFormat,
    Style,
    fitting,
    full,
    short,
    stored,
    tolerance,
    usual_width,
    write,
)

NAN, INF = math.nan, math.inf


def text(value: float | int | None, style: Style = "fixed", digits: int = 4, dtype: str = "float32") -> str:
    return write(Cell(value), dtype, NumberFormat(style, digits))


@pytest.mark.parametrize(
    ("value", "fixed", "scientific", "significant"),
    [
        (1.5, "1.5000", "1.5000e+00", "1.5"),
        (-0.07, "-0.0700", "-7.0000e-02", "-0.07"),
        (0.0, "0.0000", "0.0000e+00", "0"),
        (-0.0, "-0.0000", "-0.0000e+00", "-0"),
        (123456.789, "123456.7890", "1.2346e+05", "1.235e+05"),
        (1e30, "1.00e+30", "1.0000e+30", "1e+30"),
        (3e-9, "3.00e-09", "3.0000e-09", "3e-09"),
        (5e-324, "4.94e-324", "4.9407e-324", "4.941e-324"),
        (NAN, "NaN", "NaN", "NaN"),
        (INF, "∞", "∞", "∞"),
        (-INF, "-∞", "-∞", "-∞"),
    ],
)
def test_floats(value: float, fixed: str, scientific: str, significant: str) -> None:
    assert text(value, "fixed") == fixed
    assert text(value, "scientific") == scientific
    assert text(value, "significant") == significant


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 17))
def test_a_fixed_number_never_says_zero_of_what_is_not_zero(value: float, digits: int) -> None:
    written = float(text(value, "fixed", digits))
    assert (written == 0) == (value == 0)
    assert math.copysign(1, written) == math.copysign(1, value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_seventeen_significant_digits_are_the_value(value: float) -> None:
    assert float(text(value, "significant", 17)) == value


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**64 - 1, 0])
def test_integers_are_written_with_all_their_digits(value: int) -> None:
    for style in ("fixed", "significant", "hex", "bits"):
        assert text(value, style, 2, "int64") == str(value)
    assert full(Cell(value), "int64") == str(value)


def test_scientific_integers() -> None:
    assert text(123456, "scientific", 2, "int32") == "1.23e+05"


def test_bool_is_true_or_a_dot() -> None:
    assert [text(value, dtype="bool") for value in (1, 0)] == ["True", "·"]
    assert [full(Cell(value), "bool") for value in (1, 0)] == ["True", "False"]


@pytest.mark.parametrize(
    ("real", "imaginary", "expected"),
    [
        (1.2, 3.4, "1.20+3.40j"),
        (-1.2, -3.4, "-1.20-3.40j"),
        (0.0, -0.0, "0.00-0.00j"),
        (NAN, INF, "NaN+∞j"),
        (1.0, -INF, "1.00-∞j"),
    ],
)
def test_complex(real: float, imaginary: float, expected: str) -> None:
    assert write(Cell(real, imaginary), "complex64", NumberFormat("fixed", 2)) == expected


def test_a_complex_value_in_full_is_python() -> None:
    assert complex(full(Cell(0.1, -0.3), "complex128")) == 0.1 - 0.3j
    assert full(Cell(1.0, NAN), "complex64") == "1.0+nanj"


def test_what_is_not_stored_is_a_dot_in_every_format() -> None:
    assert {text(None, style) for style in STYLES} == {"·"}
    assert full(Cell(None), "float32") == "nothing stored"


@given(st.floats(width=32))
def test_bits_and_hexadecimal_of_float32(value: float) -> None:
    (pattern,) = struct.unpack("I", struct.pack("f", value))
    cell = Cell(value, None, pattern)
    as_hex = write(cell, "float32", NumberFormat("hex"))
    as_bits = write(cell, "float32", NumberFormat("bits"))
    assert (len(as_hex), int(as_hex, 16)) == (10, pattern)
    assert [len(part) for part in as_bits.split(" ")] == [1, 8, 23]
    assert int(as_bits.replace(" ", ""), 2) == pattern


@pytest.mark.parametrize(
    ("dtype", "pattern", "as_hex", "as_bits"),
    [
        ("float64", 0x7FF8000000000001, "0x7ff8000000000001", "0 11111111111 1" + "0" * 50 + "1"),
        ("float16", 0x0001, "0x0001", "0 00000 0000000001"),
        ("bfloat16", 0xFFC1, "0xffc1", "1 11111111 1000001"),
        ("float8_e4m3fn", 0x7F, "0x7f", "0 1111 111"),
        ("float8_e5m2", 0x80, "0x80", "1 00000 00"),
        ("float8_e8m0fnu", 0x01, "0x01", "00000001"),
        ("int8", 0xFF, "0xff", "1111 1111"),
        ("uint16", 0x00F0, "0x00f0", "0000 0000 1111 0000"),
        ("bool", 1, "0x01", "00000001"),
        ("int64", 1 << 63, "0x8000000000000000", "1000" + " 0000" * 15),
    ],
)
def test_patterns_are_grouped_as_the_dtype_reads_them(
    dtype: str, pattern: int, as_hex: str, as_bits: str
) -> None:
    assert hex_text(pattern, dtype_of(dtype)) == as_hex
    assert bits_text(pattern, dtype_of(dtype)) == as_bits
    assert stored(Cell(1.0, None, pattern), dtype) == f"{as_hex}  {as_bits}"


def test_a_dtype_nobody_knows_is_shown_all_the_same() -> None:
    assert text(1.5, dtype="float4_e2m1fn_x2") == "1.5000"
    assert hex_text(5, dtype_of("what")) == "0x0000000000000005"


def test_without_a_pattern_the_value_is_shown() -> None:
    assert text(0.5, "hex", 3) == "0.5"
    assert stored(Cell(0.5), "complex64") == ""


def test_every_format_comes_round_again() -> None:
    how = NumberFormat()
    seen = []
    for _ in STYLES:
        seen.append(how.style)
        how = how.next_style()
    assert tuple(seen) == STYLES
    assert how == NumberFormat()
    assert NumberFormat().next_style(-1).style == STYLES[-1]


def test_digits_have_ends() -> None:
    assert NumberFormat("fixed", 0).with_more_digits(-1).digits == 0
    assert NumberFormat("significant", 1).with_more_digits(-1).digits == 1
    assert NumberFormat("fixed", 17).with_more_digits(1).digits == 17
    assert text(1.5, "significant", 0) == "2"  # the digits left by another format


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "float8_e5m2"])
def test_columns_begin_wide_enough_for_usual_values(style: Style, dtype: str) -> None:
    how = NumberFormat(style)
    imaginary = 0.5 if dtype == "complex64" else None
    pattern = None if dtype == "complex64" else 3
    value = 1 if dtype in ("int64", "bool") else 0.5
    assert len(write(Cell(value, imaginary, pattern), dtype, how)) <= usual_width(dtype, how)


def test_statistics_in_short() -> None:
    assert [short(value) for value in (None, NAN, INF, -INF, 0.123456)] == ["–", "NaN", "∞", "-∞", "0.1235"]
    assert fitting(-0.00023911, 10) == "-0.0002391"
    assert fitting(-0.00023911, 9) == "-0.000239"
    assert tolerance(1e-5) == "1e-5"
    assert tolerance(0.5) == "0.5"
