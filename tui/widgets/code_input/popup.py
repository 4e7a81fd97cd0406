"""A list beside the cursor: completions, or lines of history. It never has the focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.code_input.rows import MAX_ROWS, Row, Table

FOOTER_ROWS = 2
_ROOM_FOR_FOOTER = MAX_ROWS + FOOTER_ROWS


class Popup(Widget, can_focus=False):
    """Rows to choose from, above or below an anchor, always wholly on the screen; the chosen one told in full."""

    DEFAULT_CSS = """
    Popup {
        overlay: screen;
        position: absolute;
        display: none;
        width: auto;
        height: auto;
        background: $panel;
        color: $foreground;
        & .popup--chosen { background: $primary; color: $background; text-style: bold; }
        & .popup--dim { color: $text-muted; }
        & .popup--footer { background: $panel-lighten-1; color: $foreground; }
        & .popup--footer-dim { background: $panel-lighten-1; color: $text-muted; text-style: italic; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "popup--chosen", "popup--dim", "popup--footer", "popup--footer-dim",
    }  # fmt: skip

    def __init__(self, on_choice: Callable[[int], None]) -> None:
        super().__init__()
        self._on_choice = on_choice
        self._table = Table((), 1)
        self._first = 0
        self._footer_rows = 0
        self.chosen = 0
        """Index of the highlighted row."""

    def show(self, rows: Sequence[Row], anchor: Offset, cursor_height: int = 1, chosen: int = 0) -> None:
        """Show rows beside the screen cell `anchor`; one of them is highlighted."""
        bounds = self.screen.size
        self._table = Table(rows, bounds.width)
        self._first, self.chosen = 0, min(chosen, len(rows) - 1)
        listed = min(len(rows), MAX_ROWS)
        room = place(Size(1, _ROOM_FOR_FOOTER), anchor, bounds, cursor_height).height
        self._footer_rows = FOOTER_ROWS if self._table.has_footer and room >= listed + FOOTER_ROWS else 0
        size = Size(self._table.width, listed + self._footer_rows)
        region = place(size, anchor, bounds, cursor_height)
        self.styles.width, self.styles.height = region.width, region.height
        self.absolute_offset = region.offset
        self._scroll_to_chosen(region.height - self._footer_rows)
        self.display = True
        self.refresh(layout=True)

    def hide(self) -> None:
        """Show nothing."""
        self.display = False

    @property
    def listed(self) -> int:
        """How many rows are seen at once."""
        return max(self.size.height - self._footer_rows, 1)

    def move(self, rows: int) -> None:
        """Highlight another row; the ends meet."""
        self.chosen = (self.chosen + rows) % len(self._table.rows)
        self._scroll_to_chosen(self.listed)
        self.refresh()

    def move_page(self, pages: int) -> None:
        """Highlight the row a page up or down, the first or last one at the most."""
        target = self.chosen + pages * self.listed
        self.chosen = min(max(target, 0), len(self._table.rows) - 1)
        self._scroll_to_chosen(self.listed)
        self.refresh()

    def _scroll_to_chosen(self, height: int) -> None:
        self._first = min(max(self._first, self.chosen - height + 1), self.chosen)

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one row with the scroll mark at its end, or a line of the footer."""
        width = self.size.width
        if y >= self.listed:
            return self._footer_line(y - self.listed, width)
        index = self._first + y
        if index >= len(self._table.rows):
            return Strip.blank(width, self.rich_style)
        chosen = index == self.chosen
        style = self.get_component_rich_style("popup--chosen") if chosen else self.rich_style
        dim = style if chosen else self.get_component_rich_style("popup--dim")
        label, rest = self._table.cells(index)
        padding = " " * (width - cell_len(label) - cell_len(rest) - 2)
        segments = [Segment(f" {label}", style), Segment(rest + padding, dim), Segment(self._mark(y), dim)]
        return Strip(segments, width)

    def _footer_line(self, number: int, width: int) -> Strip:
        style: Style = self.get_component_rich_style(("popup--footer", "popup--footer-dim")[number])
        text = self._table.footer(self.chosen)[number]
        return Strip([Segment(f" {text}".ljust(width - cell_len(text) + len(text)), style)], width)

    def _mark(self, y: int) -> str:
        height = self.listed
        if len(self._table.rows) <= height:
            return " "
        return "┃" if y == self.chosen * height // len(self._table.rows) else "│"

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Take the row under the mouse."""
        event.stop()
        index = self._first + event.y
        if event.y < self.listed and index < len(self._table.rows):
            self._on_choice(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Highlight the next row."""
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Highlight the row before."""
        event.stop()
        self.move(-1)


def place(size: Size, anchor: Offset, bounds: Size, cursor_height: int = 1) -> Region:
    """Return where a list of `size` stands: below the anchor's `cursor_height` rows, or above it.

    The side does not depend on the list's height, so that it stays while the list gets shorter. The list is
    made smaller where neither side has room enough, and never leaves `bounds`.
    """
    below = bounds.height - (anchor.y + cursor_height)
    above = anchor.y
    under = below >= MAX_ROWS or below >= above
    height = max(min(size.height, below if under else above), 1)
    y = anchor.y + cursor_height if under else anchor.y - height
    width = min(size.width, bounds.width)
    x = max(min(anchor.x, bounds.width - width), 0)
    return Region(x, max(min(y, bounds.height - height), 0), width, height)
