"""Which cells of a block of lines are painted again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region, Size

from tui.widgets.cells import Line, Row, changed_spans, cut, to_cells
from tui.widgets.live_lines import LiveLines, Span


class Lines(LiveLines):
    """Of a fixed size on no screen; keeps what it was asked to paint."""

    STYLES = ("bold",)
    SIZE = Size(40, 3)

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[Region] = []
        self.given: list[list[Span]] = []

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        return self.given

    def show(self, given: list[list[Span]]) -> None:
        self.given = given
        self.show_lines()

    @property
    def size(self) -> Size:
        return self.SIZE

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Lines:
        self.painted.extend(regions or [self.SIZE.region])
        return self

    def paints(self, *lines: str, style: str = "") -> list[tuple[int, int, int]]:
        """(row, first column, column after the last) of each region painted for showing these lines."""
        self.painted.clear()
        self.show([[(line, style)] for line in lines])
        assert all(region.height == 1 for region in self.painted) or len(self.painted) == 1
        return [(region.y, region.x, region.right) for region in self.painted]

    def text(self, y: int) -> str:
        return "".join(self._lines[y].cells)


@pytest.fixture
def lines() -> Lines:
    shown = Lines()
    shown.show([[("epoch 1/8", ""), ("  loss 0.50", "bold")], [("second", "")]])
    shown.paints("step 100, loss 0.5", "second line", "third")
    return shown


def test_the_first_showing_paints_it_all() -> None:
    lines = Lines()
    lines.show([[("a", "")]])
    assert lines.painted == [Lines.SIZE.region]


def test_the_same_lines_paint_nothing(lines: Lines) -> None:
    assert lines.paints("step 100, loss 0.5", "second line", "third") == []


def test_only_cells_that_differ_are_painted(lines: Lines) -> None:
    assert lines.paints("step 101, loss 0.5", "second line", "third") == [(0, 7, 8)]
    assert lines.paints("step 101, loss 0.5", "second lime", "thirt") == [(1, 9, 10), (2, 4, 5)]


def test_far_changes_of_a_line_are_apart_and_near_ones_together(lines: Lines) -> None:
    lines.paints("a" * 40)
    assert lines.paints("b" + "a" * 38 + "b") == [(0, 0, 1), (0, 39, 40)]
    lines.paints("a" * 40)
    assert lines.paints("ab" + "a" * 5 + "b") == [(0, 1, 40)]


def test_a_line_that_grows_shorter_is_wiped(lines: Lines) -> None:
    assert lines.paints("step 100", "second line", "third") == [(0, 8, 18)]
    assert lines.text(0) == "step 100".ljust(40)
    assert lines.paints("step 100") == [(1, 0, 11), (2, 0, 5)]


def test_another_style_is_a_change_of_what_can_be_seen_of_it(lines: Lines) -> None:
    lines.paints("ab  cd")
    assert lines.paints("ab  cd", style="bold") == [(0, 0, 6)]


def test_lines_that_are_too_long_or_too_many_are_cut(lines: Lines) -> None:
    lines.paints("x" * 60, "b", "c", "d", "e")
    assert lines.text(0) == "x" * 39 + "…"
    assert lines.text(2).strip() == "c"


def test_no_half_of_a_wide_character_is_painted(lines: Lines) -> None:
    lines.paints("a日本b")
    assert lines.paints("a日木b") == [(0, 3, 5)]
    assert lines.paints("aあ木b") == [(0, 1, 3)]


def test_a_resize_lays_out_anew(lines: Lines) -> None:
    lines.painted.clear()
    lines.on_resize()
    assert lines.painted == [Lines.SIZE.region]
    assert lines.text(1).strip() == "second line"


@pytest.mark.parametrize("nasty", ["\x1b[2Ja", "a\nb", "a\tb", "\x9b5n", "\x07", "a\u202eb", "\ud800"])
def test_foreign_text_commands_nothing_and_takes_one_line(lines: Lines, nasty: str) -> None:
    lines.paints(nasty)
    assert all(character.isprintable() for character in lines.text(0))
    assert len(lines._lines[0].cells) == 40


TEXT = st.text(st.sampled_from("ab日 \u0301é"), max_size=20)


@given(TEXT, TEXT, st.integers(1, 20))
def test_painting_the_changed_spans_gives_the_new_line(old: str, new: str, width: int) -> None:
    before, after = (made(text, width) for text in (old, new))
    screen = list(before.cells)
    for start, end in changed_spans(before, after):
        assert after.cells[start] != ""  # begins with a whole character
        assert end == width or (after.cells[end] != "" and screen[end] != "")
        screen[start:end] = after.cells[start:end]
    assert screen == list(after.cells)
    assert list(changed_spans(after, after)) == []


def made(text: str, width: int) -> Line:
    row = Row(width)
    row.put(0, cut(to_cells(text), width), "")
    return row.line()


def test_a_blank_with_another_background_is_another_blank() -> None:
    before, after = Line((" ",) * 3, ("on",) * 3), Line((" ",) * 3, ("",) * 3)
    assert list(changed_spans(before, after)) == []
    assert list(changed_spans(before, after, grounds=True)) == [(0, 3)]
