from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.foreign import LINE_LIMIT, ansi, clean, one_line, plain, typed

COMMANDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

NASTY = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07after",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1bPq#0;2;0\x1b\\",
    "\x9b2J\x9d0;t\x9c",
    "\x1b]never terminated",
    "\x1b[",
    "\x1b",
    "a\u202ecod.exe",
    "\ud800lone",
    "\x00\x07\x08\x7f",
    "[bold]x[mean][/foo]",
]


@pytest.mark.parametrize("text", NASTY)
def test_nothing_that_commands_a_terminal_is_left(text: str) -> None:
    for result in (clean(text), plain(text).plain, ansi(text).plain, one_line(text, 40), typed(text)):
        assert COMMANDING.search(result) is None
        result.encode()


@given(st.text(st.characters(codec=None), max_size=80), st.integers(0, 30))
def test_any_text_is_harmless_and_fits(text: str, width: int) -> None:
    assert COMMANDING.search(clean(text)) is None
    assert COMMANDING.search(ansi(text).plain) is None
    line = one_line(text, width)
    assert "\n" not in line
    assert cell_len(line) <= width


def test_controls_are_made_visible() -> None:
    assert clean("a\x1b[1m\x00\x7f\x9b") == "a␛[1m␀␡\ufffd"


def test_newlines_stay_and_tabs_become_spaces() -> None:
    assert clean("a\tb\r\nc\n") == "a       b\nc\n"


def test_markup_is_text() -> None:
    assert plain("x[mean] [/foo] [red]").plain == "x[mean] [/foo] [red]"


def test_colours_are_read_and_other_sequences_vanish() -> None:
    text = ansi("\x1b]0;t\x07\x1b[1;31mred\x1b[0m plain\x1b[2J \x1b[38;5;200mpink\x1b[48;2;1;2;3mback")
    assert text.plain == "red plain pinkback"
    styles = {text.plain[span.start : span.end]: span.style for span in text.spans}
    assert str(styles["red"]) == "bold color(1)"
    assert str(styles["pink"]) == "color(200)"
    assert str(styles["back"]) == "color(200) on #010203"


def test_default_colour_takes_the_colour_away() -> None:
    text = ansi("\x1b[1;31;44ma\x1b[39mb\x1b[49mc")
    assert [str(span.style) for span in text.spans] == [
        "bold color(1) on color(4)",
        "bold on color(4)",
        "bold",
    ]


def test_links_are_not_kept() -> None:
    text = ansi("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\")
    assert text.plain == "link"
    assert not text.spans


def test_a_huge_line_is_cut_with_a_note() -> None:
    line = clean("x" * 1_000_000)
    assert len(line) < LINE_LIMIT + 40
    assert line.endswith("… 996,000 more characters")
    assert ansi("x" * 1_000_000).plain == line
    assert cell_len(one_line("x" * 1_000_000, 20)) == 20


def test_cutting_counts_cells() -> None:
    assert one_line("日本語テキスト", 7) == "日本語…"
    assert one_line("日本語テキスト", 6) == "日本…"
    assert one_line("e\u0301" * 5, 4) == "e\u0301" * 3 + "…"
    assert one_line("fits", 4) == "fits"
    assert one_line("a\nb", 10) == "a⏎b"
    assert one_line("abc", 0) == ""


def test_typed_text_keeps_tabs_and_lines() -> None:
    assert typed("a\tb\r\nc\rd\x1b[0m") == "a\tb\nc\nd[0m"
