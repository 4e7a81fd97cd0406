"""Items of one or more styled lines each, under lines that stay; a cursor goes from item to item."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.styles import DrawnStyles
from tui.widgets.keys import key
from tui.widgets.variables.painting import Painted, PaintedLines

WHEEL_ROWS = 3


@dataclass(frozen=True)
class Block:
    """One item."""

    lines: tuple[StyledLine, ...]
    """Made for a width; what is wider is cut."""
    key: str = ""
    """What choosing it means; empty: the cursor passes over it."""


def cells_line(line: StyledLine, width: int) -> Line:
    """Return a styled line as cells; its spans are in order and do not overlap."""
    row = Row(width)
    column = position = 0
    for first, last, style in line.spans:
        column = _put(row, column, line.plain[position:first], "", width)
        column = _put(row, column, line.plain[first:last], str(style), width)
        position = last
    _put(row, column, line.plain[position:], "", width)
    return row.line()


def _put(row: Row, column: int, text: str, style: str, width: int) -> int:
    return row.put(column, cut(to_cells(text), width - column), style) if text else column


class ItemLines(PaintedLines, can_focus=True):
    """Draws the items of a subclass, and posts which one the cursor is on, and which one was chosen.

    Styles are those of drawings, or component classes of this widget.
    """

    DEFAULT_CSS = """
    ItemLines { height: 1fr; background: $background; color: $foreground; }
    ItemLines > .itemlines--dim { color: $foreground 62%; }
    ItemLines > .itemlines--warn { color: $warning; }
    ItemLines > .itemlines--error { color: $error; text-style: bold; }
    ItemLines > .itemlines--good { color: $success; }
    ItemLines > .itemlines--title { color: $primary; text-style: bold; }
    ItemLines > .itemlines--code { color: $secondary; }
    ItemLines > .itemlines--key { color: $footer-key-foreground; text-style: bold; }
    ItemLines > .itemlines--head { background: $panel; color: $text-muted; }
    ItemLines > .itemlines--cursor { background: $surface; }
    ItemLines:focus > .itemlines--cursor { background: $primary 30%; }
    ItemLines > .itemlines--thumb { color: $foreground 35%; background: $background; }
    ItemLines > .itemlines--rest { color: $foreground; background: $background; }
    """
    NAMED: ClassVar[tuple[str, ...]] = ("dim", "warn", "error", "good", "title", "code", "key", "head")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"itemlines--{name}" for name in (*NAMED, "cursor", "thumb", "rest")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "move(-1)", "Up", "autograd.up", "One up", show=False),
        key("down,j", "move(1)", "Down", "autograd.down", "One down", show=False),
        key("pageup", "page(-1)", "Page up", "autograd.page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "autograd.page-down", "One page down", show=False),
        key("enter", "choose", "Choose", "autograd.choose", "Go to what the cursor is on", show=False),
    ]
    OWN_GROUND = frozenset({"thumb", "rest"})

    @dataclass
    class Chosen(Message):
        """An item was chosen: enter, or a click on the one that the cursor was on."""

        view: ItemLines
        key: str

        @property
        def control(self) -> ItemLines:
            """The widget."""
            return self.view

    @dataclass
    class Highlighted(Message):
        """The cursor is on another item."""

        view: ItemLines
        key: str

        @property
        def control(self) -> ItemLines:
            """The widget."""
            return self.view

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[str] = ()
        self._starts: list[int] = [0]
        self._cursor = 0
        self._top = 0
        self._drawn: DrawnStyles | None = None

    # -- what a subclass gives --------------------------------------------------------------------

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Return the key of each item (empty: the cursor passes over it) and how many lines it has."""
        raise NotImplementedError

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return one line of an item."""
        raise NotImplementedError

    def head_lines(self, width: int) -> Sequence[StyledLine]:
        """Return the lines that stay at the top."""
        return ()

    # -- what is shown ----------------------------------------------------------------------------

    def lay_out_again(self, *, to_top: bool = False) -> None:
        """Show what there is now; the cursor stays on its item where that is still there."""
        width, here = self._width, self.current_key
        if not self.size.width:
            if to_top:  # it is not on the screen: it will begin at the top when it is
                self._keys, self._cursor, self._top = (), 0, 0
            return
        self._keys, heights = self.lay_out(width)
        self._starts = [0, *accumulate(heights)]
        if to_top:
            self._cursor = self._top = 0
        elif here and here in self._keys:
            moved = (
                self._starts[list(self._keys).index(here)] - self._starts[min(self._cursor, len(self._keys))]
            )
            self._cursor = list(self._keys).index(here)
            self._top += moved
        self._settle()
        self.paint()
        if self.current_key != here:
            self.post_message(self.Highlighted(self, self.current_key))

    @property
    def current_key(self) -> str:
        """The key of the item under the cursor; empty where there is none."""
        return self._keys[self._cursor] if self._cursor < len(self._keys) else ""

    @property
    def keys(self) -> Sequence[str]:
        """Of all items, in order."""
        return self._keys

    def go_to(self, wanted: str) -> None:
        """Put the cursor on the item of a key, if there is one."""
        if wanted in self._keys:
            self._go(list(self._keys).index(wanted))

    def _settle(self) -> None:
        """Put the cursor on an item that can be chosen, and the top where there are lines."""
        self._cursor = max(0, min(self._cursor, len(self._keys) - 1))
        if self._keys and not self._keys[self._cursor]:
            after = next((i for i in range(self._cursor, len(self._keys)) if self._keys[i]), None)
            before = next((i for i in range(self._cursor, -1, -1) if self._keys[i]), self._cursor)
            self._cursor = before if after is None else after
        self._top = max(0, min(self._top, self._starts[-1] - self.page_rows))

    def _go(self, item: int) -> None:
        if not 0 <= item < len(self._keys):
            return
        moved, self._cursor = item != self._cursor, item
        first, last = self._starts[item], self._starts[item + 1]
        self._top = min(max(self._top, last - self.page_rows), first)
        if not any(self._keys[:item]):
            self._top = 0  # what stands before the first item is of interest too
        self._settle()
        self.paint()
        if moved:
            self.post_message(self.Highlighted(self, self.current_key))

    # -- keys and the mouse -----------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Go to the next item that can be chosen; scroll where there is none."""
        item = self._cursor + step
        while 0 <= item < len(self._keys) and not self._keys[item]:
            item += step
        if 0 <= item < len(self._keys):
            self._go(item)
        else:
            self.scroll_rows(step)

    def action_page(self, pages: int) -> None:
        """Go a page on."""
        line = self._starts[min(self._cursor, len(self._starts) - 1)] + pages * max(1, self.page_rows - 1)
        item = max(0, min(bisect_right(self._starts, line) - 1, len(self._keys) - 1))
        found = next((i for i in range(item, len(self._keys)) if self._keys[i]), None)
        if any(self._keys) and found is not None:
            self._go(found)
        else:
            self.scroll_rows(pages * max(1, self.page_rows - 1))

    def action_choose(self) -> None:
        """Tell that the item was chosen."""
        if self.current_key:
            self.post_message(self.Chosen(self, self.current_key))

    def scroll_rows(self, rows: int) -> None:
        """Scroll; the cursor stays where it is."""
        self._top = max(0, min(self._top + rows, self._starts[-1] - self.page_rows))
        self.paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll."""
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll."""
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """Go to an item; the second click of two chooses it."""
        line = event.y - self._head_rows
        if line < 0:
            self.head_clicked(event.x)
            return
        item = bisect_right(self._starts, self._top + line) - 1
        if 0 <= item < len(self._keys) and self._keys[item]:
            again = item == self._cursor and event.chain > 1
            self._go(item)
            if again:
                self.action_choose()

    def head_clicked(self, column: int) -> None:
        """Do what a click on the lines at the top means."""

    # -- painting ---------------------------------------------------------------------------------

    @property
    def _head_rows(self) -> int:
        return len(self.head_lines(max(self.size.width, 1)))

    @property
    def page_rows(self) -> int:
        """Lines of items on the screen at a time."""
        return max(1, self.size.height - self._head_rows)

    @property
    def _width(self) -> int:
        """Cells of a line: the last one is the bar's, whether it is there or not."""
        return max(1, self.size.width - 1)

    def make_line(self, y: int) -> Painted:
        """Return a line of the screen."""
        heads = self.head_lines(self._width)
        if y < len(heads):
            return Painted(self._with_bar(cells_line(heads[y], self._width), -1), "head")
        at = self._top + y - len(heads)
        if at >= self._starts[-1]:
            return Painted(self._with_bar(Row(self._width).line(), y - len(heads)))
        item = bisect_right(self._starts, at) - 1
        line = cells_line(self.item_line(item, at - self._starts[item], self._width), self._width)
        ground = "cursor" if item == self._cursor and self._keys[item] else ""
        return Painted(self._with_bar(line, y - len(heads)), ground)

    def _with_bar(self, line: Line, y: int) -> Line:
        """Return the line with its cell of the bar that tells which part is on the screen."""
        rows, count = self.page_rows, self._starts[-1]
        if y < 0 or count <= rows:
            return Line((*line.cells, " "), (*line.styles, ""))
        size = max(1, rows * rows // count)
        start = round((rows - size) * self._top / max(1, count - rows))
        thumb = start <= y < start + size
        return Line((*line.cells, "▐" if thumb else " "), (*line.styles, "thumb" if thumb else "rest"))

    def on_resize(self) -> None:
        """Lay the items out for the new size."""
        self._painted = []
        self.lay_out_again()

    def on_focus(self) -> None:
        """Draw the cursor as the one that keys move."""
        self.recolour("cursor")

    def on_blur(self) -> None:
        """Draw the cursor as one at rest."""
        self.recolour("cursor")

    def notify_style_update(self) -> None:
        """Take the new colours when the theme changes."""
        super().notify_style_update()
        self._drawn = None

    def _component(self, name: str) -> Style:
        if self._drawn is None:
            self._drawn = DrawnStyles(self.app.theme_variables)
        drawn = self._drawn.style(name)
        if drawn is not None and name not in ("cursor",):
            return self.rich_style + drawn
        return self.get_component_rich_style(f"itemlines--{name}")
