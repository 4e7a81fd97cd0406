from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets import words

SIZES = {
    0: "0 B", 512: "512 B", 999: "999 B", 1000: "1.0 kB", 1500: "1.5 kB", 99_940: "99.9 kB", 99_960: "100 kB",
    999_499: "999 kB", 999_600: "1.0 MB", 253_000_000: "253 MB", 1.5e9: "1.5 GB", 2e12: "2.0 TB", 5e15: "5000 TB",
}  # fmt: skip
COUNTS = {0: "0", 950: "950", 1234: "1.2k", 99_960: "100k", 25_600_000: "25.6M", 1.3e9: "1.3B", 7e15: "7000T"}
DURATIONS = {
    0: "0.0 s", 0.42: "0.4 s", 9.94: "9.9 s", 9.96: "10 s", 59.4: "59 s", 59.6: "1:00", 185: "3:05",
    3599.4: "59:59", 3599.6: "1:00:00", 3723: "1:02:03", 172_799: "47:59:59", 172_800: "2 d 0 h", 183_600: "2 d 3 h",
}  # fmt: skip


@pytest.mark.parametrize(("size_bytes", "text"), SIZES.items())
def test_sizes(size_bytes: float, text: str) -> None:
    assert words.size(size_bytes) == text


@pytest.mark.parametrize(("number", "text"), COUNTS.items())
def test_counts(number: float, text: str) -> None:
    assert words.count(number) == text


@pytest.mark.parametrize(("seconds", "text"), DURATIONS.items())
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@given(st.integers(0, 10**15))
def test_sizes_and_counts_are_short_and_within_half_a_digit(number: int) -> None:
    factors = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
    figure, _, unit = words.size(number).partition(" ")
    assert len(figure) <= 4
    assert abs(float(figure) * factors[unit] - number) <= max(0.5, 0.051 * number)
    assert len(words.count(number)) <= 5


@given(st.floats(0, 170_000))
def test_a_duration_read_back_is_right_within_its_last_digit(seconds: float) -> None:
    text = words.duration(seconds)
    if text.endswith(" s"):
        back = float(text.removesuffix(" s"))
    else:
        parts = [int(part) for part in text.split(":")]
        assert all(part < 60 for part in parts[1:])
        back = float(sum(part * 60**power for power, part in enumerate(reversed(parts))))
    assert abs(back - seconds) <= 0.51


@pytest.mark.parametrize(
    ("dimensions", "text"),
    [
        (None, ""),
        ((), "()"),
        ((3,), "(3,)"),
        ((32, 1, 8, 8), "(32, 1, 8, 8)"),
        ((0,), "(0,)"),
        ((-1, 4), "(?, 4)"),
    ],
)
def test_shapes_are_written_as_torch_writes_them(dimensions: tuple[int, ...] | None, text: str) -> None:
    assert words.shape(dimensions) == text
