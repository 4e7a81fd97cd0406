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

from tui.widgets.foreign import one_line

MAX_ROWS = 8


class Popup(Widget, can_focus=False):
    """Rows to choose from, above or below an anchor, always wholly on the screen."""

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
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"popup--chosen", "popup--dim"}

    def __init__(self, on_choice: Callable[[int], None]) -> None:
        super().__init__()
        self._on_choice = on_choice
        self._rows: tuple[str, ...] = ()
        self._first = 0
        self._width = 0
        self.chosen = 0
        """Index of the highlighted row."""

    def show(self, rows: Sequence[str], anchor: Offset, cursor_height: int = 1) -> None:
        """Show rows beside the screen cell `anchor`; the first is highlighted."""
        bounds = self.screen.size
        widest = max((cell_len(row[:200]) for row in rows), default=0)
        self._width = min(max(widest + 3, 12), bounds.width)
        self._rows = tuple(one_line(row, self._width - 3) for row in rows)
        self._first = self.chosen = 0
        region = place(Size(self._width, min(len(rows), MAX_ROWS)), anchor, bounds, cursor_height)
        self.styles.width, self.styles.height = region.width, region.height
        self.absolute_offset = region.offset
        self.display = True
        self.refresh(layout=True)

    def hide(self) -> None:
        """Show nothing."""
        self.display = False

    def move(self, rows: int) -> None:
        """Highlight another row; the ends meet."""
        self.chosen = (self.chosen + rows) % len(self._rows)
        height = max(self.size.height, 1)
        self._first = min(max(self._first, self.chosen - height + 1), self.chosen)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one row, and the scroll mark at its end."""
        index = self._first + y
        if index >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        style = self.get_component_rich_style("popup--chosen") if index == self.chosen else self.rich_style
        text = self._rows[index]
        padding = " " * (self.size.width - cell_len(text) - 2)
        return Strip([Segment(f" {text}{padding}", style), Segment(self._mark(y), self._mark_style(index))])

    def _mark(self, y: int) -> str:
        height = self.size.height
        if len(self._rows) <= height:
            return " "
        return "┃" if y == self.chosen * height // len(self._rows) else "│"

    def _mark_style(self, index: int) -> Style:
        return self.get_component_rich_style("popup--chosen" if index == self.chosen else "popup--dim")

    def on_click(self, event: events.Click) -> None:
        """Take the row under the mouse."""
        event.stop()
        index = self._first + event.y
        if index < len(self._rows):
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
