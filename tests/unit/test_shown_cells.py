"""What is sent of an update: a terminal shows the same as if all had been sent, for fewer bytes."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.shown_cells import ShownCells

WIDTH, HEIGHT = 24, 4
CONSOLE = Console(color_system="truecolor", force_terminal=True, width=WIDTH)
STYLES = (
    Style(),
    Style(color=Color.from_rgb(1, 2, 3), bgcolor=Color.from_rgb(16, 18, 22)),
    Style(color=Color.from_rgb(8, 8, 8), bgcolor=Color.from_rgb(255, 255, 255)),
    Style(color=Color.from_rgb(200, 2, 3), bgcolor=Color.from_rgb(16, 18, 22), bold=True),
    Style(color=Color.from_rgb(1, 2, 3), bgcolor=Color.from_rgb(16, 18, 22), underline=True),
    Style(color=Color.from_rgb(1, 2, 3), reverse=True),
    Style(bgcolor=Color.from_rgb(9, 9, 9), meta={"@click": "app.bell"}),
)
Row = list[tuple[str, int]]
texts = st.lists(st.sampled_from(("a", "b", " ", "─", "▀", "損")), max_size=7).map("".join)
narrow = texts.map(lambda text: text.replace("損", "x"))
rows = st.lists(st.tuples(texts, st.integers(0, len(STYLES) - 1)), max_size=6)
screens = st.lists(rows, min_size=HEIGHT, max_size=HEIGHT)
narrow_rows = st.lists(st.tuples(narrow, st.integers(0, len(STYLES) - 1)), max_size=6)
narrow_screens = st.lists(narrow_rows, min_size=HEIGHT, max_size=HEIGHT)


def strip_of(row: Row) -> Strip:
    return Strip([Segment(text, STYLES[style]) for text, style in row]).adjust_cell_length(WIDTH, STYLES[1])


class Terminal:
    """A terminal and what it was sent."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self.screen)
        self.sent = 0

    def send(self, update: object) -> None:
        assert isinstance(update, CompositorUpdate)
        text = update.render_segments(CONSOLE)
        self.sent += len(text)
        self._stream.feed(text)

    def shows(self) -> list[list[object]]:
        """What is seen: of a blank its ground alone."""
        return [[self._seen(self.screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]

    @staticmethod
    def _seen(cell: pyte.screens.Char) -> object:
        plain = cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough)
        return cell._replace(fg="", bold=False, italics=False) if plain else cell


def laid_out(screen: list[Row]) -> LayoutUpdate:
    return LayoutUpdate([[strip_of(row)] for row in screen], Region(0, 0, WIDTH, HEIGHT))


@settings(max_examples=150, deadline=None)
@given(st.lists(screens, min_size=1, max_size=4))
def test_the_terminal_shows_what_it_would_show_had_all_been_sent(seen: list[list[Row]]) -> None:
    shown, whole, less = ShownCells(), Terminal(), Terminal()
    for screen in seen:
        whole.send(laid_out(screen))
        less.send(shown.lessened(laid_out(screen)))
        assert less.shows() == whole.shows()


@settings(max_examples=150, deadline=None)
@given(
    narrow_screens,
    narrow_screens,
    st.integers(0, HEIGHT - 1),
    st.integers(0, WIDTH - 1),
    st.integers(1, WIDTH),
)
def test_a_part_of_a_row_changes_that_part_alone(
    before: list[Row], after: list[Row], y: int, start: int, width: int
) -> None:
    end = min(WIDTH, start + width)
    old, new = strip_of(before[y]), strip_of(after[y])
    mixed = Strip.join([old.crop(0, start), new.crop(start, end), old.crop(end, WIDTH)])
    chops: list[dict[int, Strip | None]] = [{0: strip_of(row)} for row in after]
    shown, whole, less = ShownCells(), Terminal(), Terminal()
    rows_then = [[strip_of(row)] for row in before]
    less.send(shown.lessened(laid_out(before)))
    less.send(shown.lessened(ChopsUpdate(chops, [(y, start, end)], [[WIDTH]] * HEIGHT)))
    whole.send(LayoutUpdate([*rows_then[:y], [mixed], *rows_then[y + 1 :]], Region(0, 0, WIDTH, HEIGHT)))
    assert less.shows() == whole.shows()


def test_a_combining_mark_stays_with_its_character() -> None:
    shown, whole, less = ShownCells(), Terminal(), Terminal()
    for text in ("xe\u0301y", "xey", "e\u0301e\u0301e"):
        screen: list[Row] = [[(text, 1)]] * HEIGHT
        whole.send(laid_out(screen))
        less.send(shown.lessened(laid_out(screen)))
        assert less.shows() == whole.shows()


def test_what_is_shown_already_is_not_sent_and_is_after_it_was_forgotten() -> None:
    shown, terminal = ShownCells(), Terminal()
    screen: list[Row] = [[("abc", 1), ("─▀損", 2)]] * HEIGHT
    terminal.send(shown.lessened(laid_out(screen)))
    first = terminal.sent
    terminal.send(shown.lessened(laid_out(screen)))
    assert terminal.sent == first
    terminal.send(shown.lessened(laid_out([[("abd", 1), ("─▀損", 2)], *screen[1:]])))
    assert first < terminal.sent < first + 60
    sent = terminal.sent
    shown.forget()
    terminal.send(shown.lessened(laid_out(screen)))
    assert terminal.sent == sent + first


def test_a_terminal_of_another_size_is_sent_everything() -> None:
    shown, terminal = ShownCells(), Terminal()
    screen: list[Row] = [[("abc", 1)]] * HEIGHT
    terminal.send(shown.lessened(laid_out(screen)))
    terminal.screen.erase_in_display(2)  # as a terminal may when it changes its size
    terminal.send(
        shown.lessened(LayoutUpdate([[strip_of(row)] for row in screen[1:]], Region(0, 0, WIDTH, HEIGHT - 1)))
    )
    assert [line.rstrip() for line in terminal.screen.display] == ["abc"] * (HEIGHT - 1) + [""]


def test_an_update_that_is_never_sent_counts_as_not_shown() -> None:
    shown, terminal = ShownCells(), Terminal()
    shown.lessened(laid_out([[("abc", 1)]] * HEIGHT))
    terminal.send(shown.lessened(laid_out([[("abc", 1)]] * HEIGHT)))
    assert terminal.screen.display[0].rstrip() == "abc"


def test_commands_in_a_row_are_passed_on() -> None:
    shown, terminal = ShownCells(), Terminal()
    command = Strip([Segment("\x1b[2J", None, [(0,)]), Segment("ab", STYLES[1])], 2)  # type: ignore[list-item]
    for _ in range(2):
        update = shown.lessened(LayoutUpdate([[command]], Region(0, 0, 2, 1)))
        assert isinstance(update, CompositorUpdate)
        assert "\x1b[2J" in update.render_segments(CONSOLE)
        terminal.send(update)
