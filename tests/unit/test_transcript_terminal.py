from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.drawn.lines import plain_of
from tui.widgets.foreign import LINE_LIMIT
from tui.widgets.transcript.terminal import StreamLines


def shown(*writes: str, limit: int = 50) -> list[str]:
    stream = StreamLines(limit)
    for write in writes:
        stream.feed(write)
    return [plain_of(line) for line in stream.lines()]


@pytest.mark.parametrize(
    ("writes", "lines"),
    [
        (("a\nb",), ["a", "b"]),
        (("a", "b\n", "c"), ["ab", "c"]),
        (("a\r\nb\r\n",), ["a", "b"]),
        (("10%\r", "20%\r", "100%"), ["100%"]),
        (("long line\rxy",), ["xyng line"]),
        (("long line\r\x1b[Kxy",), ["xy"]),
        (("abc\b\bX",), ["aXc"]),
        (("outer 0\ninner 0", "\r\x1b[Aouter 1\n\rinner 1"), ["outer 1", "inner 1"]),
        (("a\n\n\x1b[2Ab",), ["b", ""]),
        (("a\x07b\x1b]0;title\x07c\x1b[2Jd",), ["abcd"]),
        (("x\ty",), ["x       y"]),
        (("\x1b]0;never ended",), ["␛]0;never ended"]),
        (("日本\n",), ["日本"]),
    ],
)
def test_lines_are_those_a_terminal_shows(writes: tuple[str, ...], lines: list[str]) -> None:
    assert shown(*writes) == lines


def test_colour_holds_across_lines_and_writes() -> None:
    stream = StreamLines()
    stream.feed("\x1b[31mred\nstill ")
    stream.feed("red\x1b[0m no\n")
    first, second = stream.lines()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert [(start, end, str(style)) for start, end, style in first.spans] == [(0, 3, "color(1)")]
    assert [(start, end, str(style)) for start, end, style in second.spans] == [(0, 9, "color(1)")]


def test_overwriting_takes_the_colour_too() -> None:
    stream = StreamLines()
    stream.feed("\x1b[31mabcdef\x1b[0m\rXY")
    (line,) = stream.lines()
    assert not isinstance(line, str)
    assert line.plain == "XYcdef"
    assert [(start, end) for start, end, _ in line.spans] == [(2, 6)]


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
def test_only_the_tail_is_kept(chunk: int) -> None:
    stream = StreamLines(100)
    lines = [f"line {number}\n" for number in range(1_000)]
    for start in range(0, len(lines), chunk):
        stream.feed("".join(lines[start : start + chunk]))
    assert [plain_of(line) for line in stream.lines()] == [f"line {number}" for number in range(900, 1_000)]
    assert stream.dropped == 900
    assert len(stream) == 100


def test_a_line_without_end_is_capped() -> None:
    stream = StreamLines()
    for _ in range(10):
        stream.feed("x" * 100_000)
    (line,) = stream.lines()
    assert plain_of(line).endswith("… 996,000 more characters")
    assert len(plain_of(line)) < LINE_LIMIT + 40


@given(st.lists(st.text(st.sampled_from("ab\n\r\b\t\x1b[;m31AK2é日\x07"), max_size=30), max_size=6))
def test_how_writes_are_cut_up_makes_no_difference_to_plain_lines(writes: list[str]) -> None:
    lines = shown(*writes)
    assert all(character >= " " for line in lines for character in line)
    harmless = [write.replace("\x1b", "").replace("\r", "") for write in writes]
    assert shown(*harmless) == shown("".join(harmless))


@pytest.mark.parametrize("unit", ["x", "\x1b[31mx\x1b[0m", "x\x00", "日"])
def test_a_huge_line_is_looked_at_only_at_its_beginning(unit: str) -> None:
    stream = StreamLines()
    stream.feed("a\n" + unit * 1_000_000 + "\nlast\n")
    first, huge, last = (plain_of(line) for line in stream.lines())
    assert (first, last) == ("a", "last")
    assert " more characters" in huge
    assert len(huge) < LINE_LIMIT + 40
    assert stream.cut


def test_a_huge_progress_bar_shows_its_last_state() -> None:
    stream = StreamLines()
    stream.feed("".join(f"\r {percent:3d}% {'=' * 20}" for percent in range(100)) * 200 + "\n")
    assert [plain_of(line) for line in stream.lines()] == [f"  99% {'=' * 20}"]
    assert not stream.cut
