"""The rows of the table, drawn line by line: a cursor, folds, a head that sorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.cells import Line
from tui.widgets.keys import key
from tui.widgets.variables.columns import Column, Slot, fit
from tui.widgets.variables.drawing import STYLES, entry_line, header_line
from tui.widgets.variables.order import Order
from tui.widgets.variables.painting import Painted, PaintedLines
from tui.widgets.variables.tree import Entry, parent_of

WHEEL_ROWS = 3


class VariableGrid(PaintedLines, can_focus=True):
    """Entries handed over whole; only the cells that changed are painted, the cursor stays on its entry."""

    DEFAULT_CSS = """
    VariableGrid { height: 1fr; background: $background; color: $foreground; }
    VariableGrid > .variablegrid--name { text-style: bold; color: $foreground; }
    VariableGrid > .variablegrid--part { color: $foreground; }
    VariableGrid > .variablegrid--changed { text-style: bold; color: $accent; }
    VariableGrid > .variablegrid--dim { color: $foreground 60%; }
    VariableGrid > .variablegrid--mark { color: $secondary; }
    VariableGrid > .variablegrid--nan { text-style: bold; color: $nan; }
    VariableGrid > .variablegrid--grad { color: $accent; }
    VariableGrid > .variablegrid--warn { color: $warning; }
    VariableGrid > .variablegrid--head { background: $panel; color: $text-muted; }
    VariableGrid > .variablegrid--cursor { background: $surface; }
    VariableGrid > .variablegrid--bar { color: $foreground 35%; background: $background; }
    VariableGrid > .variablegrid--rail { color: $foreground; background: $background; }
    VariableGrid:focus > .variablegrid--cursor { background: $primary 30%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"variablegrid--{name}" for name in (*STYLES, "head", "cursor", "bar", "rail")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "move(-1)", "Up", "variables.up", "One row up", show=False),
        key("down,j", "move(1)", "Down", "variables.down", "One row down", show=False),
        key("pageup", "page(-1)", "Page up", "variables.page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "variables.page-down", "One page down", show=False),
        key("home", "go(0)", "First", "variables.first", "To the first row", show=False),
        key("end", "go(-1)", "Last", "variables.last", "To the last row", show=False),
    ]
    OWN_GROUND = frozenset({"bar", "rail"})
    order: reactive[Order] = reactive(Order(), init=False)

    @dataclass
    class Highlighted(Message):
        """The cursor is on another entry."""

        entry: Entry | None

    @dataclass
    class Clicked(Message):
        """An entry was clicked on that the cursor was on already, or its fold was."""

        entry: Entry
        on_fold: bool

    @dataclass
    class HeadClicked(Message):
        """The head of a column was clicked on."""

        column: Column

    def __init__(
        self, *, empty: str = "", take_key: Callable[[events.Key], bool] | None = None, id: str | None = None
    ) -> None:
        """`empty`: what to say where there is no entry. `take_key` is asked first what to do with a key.

        Keys that come in one go are on their way to what had the focus at first; taken here, they stay in order.
        """
        super().__init__(id=id)
        self._take_key = take_key
        self.empty = empty
        self._entries: list[Entry] = []
        self._slots: list[Slot] = []
        self._cursor = 0
        self._top = 0

    # -- what is shown ----------------------------------------------------------------------------

    def show(self, shown: Sequence[Entry], *, empty: str | None = None) -> None:
        """Show these entries; the cursor stays on its entry, and the entry where it is on the screen."""
        here = self.current
        index_before = self._cursor
        self._entries = list(shown)
        if empty is not None:
            self.empty = empty
        index = next((i for i, e in enumerate(self._entries) if here and e.key == here.key), None)
        if index is None:
            self._cursor = max(0, min(self._cursor, len(self._entries) - 1))
        else:
            if self.has_focus and self._top <= index_before < self._top + self.page_rows:
                self._top += index - index_before
            self._cursor = index
        self._lay_out()
        if self.has_focus and index is None:
            self._reveal()
        if self.current != here:
            self.post_message(self.Highlighted(self.current))

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor; None in an empty table."""
        return self._entries[self._cursor] if self._cursor < len(self._entries) else None

    @property
    def current_key(self) -> str | None:
        """The path under the cursor."""
        return self.current.key if self.current else None

    @property
    def entries(self) -> Sequence[Entry]:
        """What is shown, in order."""
        return self._entries

    @property
    def row_count(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that there is room for."""
        return tuple(slot.column for slot in self._slots)

    @property
    def page_rows(self) -> int:
        """Rows on the screen at a time."""
        return max(1, self.size.height - 1)

    def go(self, index: int) -> None:
        """Put the cursor on an entry, negative ones counted from the end, and bring it on the screen."""
        if not self._entries:
            return
        count = len(self._entries)
        index = max(0, min(count - 1, index + count if index < 0 else index))
        moved = index != self._cursor
        self._cursor = index
        self._reveal()
        if moved:
            self.post_message(self.Highlighted(self.current))

    def go_to_parent(self) -> None:
        """Put the cursor on what the entry is below."""
        if self._entries:
            self.go(parent_of(self._entries, self._cursor))

    def watch_order(self) -> None:
        """Show the arrow where it is now."""
        self._lay_out()

    def _reveal(self) -> None:
        self._top = max(self._cursor - self.page_rows + 1, min(self._top, self._cursor))
        self._paint()

    # -- keys and the mouse -----------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Hand over what is not for the rows."""
        if self._take_key is not None and self._take_key(event):
            event.stop()
            event.prevent_default()

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self.go(max(0, self._cursor + rows))

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.go(max(0, self._cursor + pages * max(1, self.page_rows - 1)))

    def action_go(self, index: int) -> None:
        """Put the cursor on the first or the last entry."""
        self.go(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll; the cursor stays where it is."""
        event.stop()
        self._scroll(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll; the cursor stays where it is."""
        event.stop()
        self._scroll(-WHEEL_ROWS)

    def _scroll(self, rows: int) -> None:
        self._top += rows
        self._paint()

    def on_click(self, event: events.Click) -> None:
        """Sort by a head, go to a row; a row clicked on again is opened, as is a fold."""
        if event.y == 0:
            for slot in self._slots:
                if slot.start <= event.x < max(slot.end, slot.start + len(slot.column) + 2):
                    self.post_message(self.HeadClicked(slot.column))
                    return
            return
        if event.x >= self._width and self._overflows:
            beyond = len(self._entries) - self.page_rows
            self._top = round((event.y - 1) * beyond / max(1, self.page_rows - 1))
            self._paint()
            return
        index = self._top + event.y - 1
        if not 0 <= index < len(self._entries):
            return
        entry = self._entries[index]
        on_fold = bool(entry.fold) and 2 * entry.depth <= event.x <= 2 * entry.depth + 2
        again = index == self._cursor and event.chain > 1
        self.go(index)
        if on_fold or again:
            self.post_message(self.Clicked(entry, on_fold))

    # -- painting ---------------------------------------------------------------------------------

    @property
    def _overflows(self) -> bool:
        return len(self._entries) > self.page_rows

    @property
    def _width(self) -> int:
        return max(0, self.size.width - int(self._overflows))

    def _lay_out(self) -> None:
        self._slots = fit(self._entries, self._width, self.order) if self._width else []
        self._paint()

    def _paint(self) -> None:
        self._top = max(0, min(self._top, len(self._entries) - self.page_rows))
        self.paint()

    def make_line(self, y: int) -> Painted:
        """Return the head, or one of the rows that are on the screen."""
        width = self._width
        if y == 0:
            return Painted(self._with_bar(header_line(self._slots, self.order, width), y), "head")
        index = self._top + y - 1
        if index < len(self._entries):
            line = entry_line(self._entries[index], self._slots, width)
            return Painted(self._with_bar(line, y), "cursor" if index == self._cursor else "")
        note = self.empty if y == 2 and not self._entries else ""
        return Painted(self._with_bar(entry_line(Entry("", note, 0), (), width), y), "")

    def _with_bar(self, line: Line, y: int) -> Line:
        """Return the line with its cell of the bar that tells which part is on the screen."""
        if not self._overflows:
            return line
        rows, count = self.page_rows, len(self._entries)
        size = max(1, rows * rows // count)
        start = round((rows - size) * self._top / max(1, count - rows))
        thumb = y > 0 and start <= y - 1 < start + size
        return Line((*line.cells, "▐" if thumb else " "), (*line.styles, "bar" if thumb else "rail"))

    def on_resize(self) -> None:
        """Lay the columns out for the new size."""
        self._painted = []
        self._lay_out()
        if self.has_focus:
            self._reveal()

    def on_focus(self) -> None:
        """Draw the cursor as the one that keys move."""
        self.recolour("cursor")

    def on_blur(self) -> None:
        """Draw the cursor as one that waits."""
        self.recolour("cursor")
