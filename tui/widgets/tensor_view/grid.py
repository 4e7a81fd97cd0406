"""The grid widget: a cursor over values, scrolled by whole rows and columns; paints the cells that changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.keys import key
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.grid_lines import (
    GridData,
    as_table,
    columns_that_fit,
    grid_lines,
    row_header_width,
    width_needed,
)
from tui.widgets.tensor_view.painting import ValueLines
from tui.widgets.tensor_view.viewport import Viewport

WHEEL_ROWS = 3


class ValueGrid(ValueLines, can_focus=True):
    """Shows a `GridData`; posts `Moved` when other cells are in sight or the cursor is elsewhere."""

    DEFAULT_CSS = """
    ValueGrid { width: 1fr; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "move(-1, 0)", "Up", "viewer.up", "One row up", show=False),
        key("down,j", "move(1, 0)", "Down", "viewer.down", "One row down", show=False),
        key("left", "move(0, -1)", "Left", "viewer.left", "One column to the left", show=False),
        key("right", "move(0, 1)", "Right", "viewer.right", "One column to the right", show=False),
        key("pageup", "page(-1, 0)", "Page up", "viewer.page-up", "One page up", show=False),
        key("pagedown,space", "page(1, 0)", "Page down", "viewer.page-down", "One page down", show=False),
        key(
            "ctrl+left,shift+left,comma", "page(0, -1)", "Page left", "viewer.page-left",
            "One page of columns to the left", show=False,
        ),
        key(
            "ctrl+right,shift+right,full_stop", "page(0, 1)", "Page right", "viewer.page-right",
            "One page of columns to the right", show=False,
        ),
        key("home", "edge(None, 0)", "First column", "viewer.home", "To the first column", show=False),
        key("end", "edge(None, -1)", "Last column", "viewer.end", "To the last column", show=False),
        key("ctrl+home", "edge(0, 0)", "Start", "viewer.start", "To the first value", show=False),
        key("ctrl+end", "edge(-1, -1)", "End", "viewer.finish", "To the last value", show=False),
    ]  # fmt: skip

    @dataclass
    class Moved(Message):
        """The cursor is elsewhere, or other cells are in sight."""

        grid: ValueGrid
        before: Viewport
        after: Viewport

        @property
        def control(self) -> ValueGrid:
            """The grid."""
            return self.grid

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.data: GridData | None = None
        """What it shows; None before the first."""
        self.viewport = Viewport(0, 0)
        """Which part of it is in sight."""
        self.column_width = 1
        self._next_place: tuple[int, int] | None = None

    # -- what it shows ----------------------------------------------------------------------------

    def show(self, data: GridData) -> None:
        """Show values. Columns keep their width while only values are new, unless one needs more room."""
        before, self.data = self.data, data
        if before is None or (before.how, before.dtype, before.layout) != (data.how, data.dtype, data.layout):
            self.column_width = 1
        viewport = self.viewport.over(*data.extent)
        if self._next_place is not None:
            viewport, self._next_place = viewport.at(*self._next_place), None
        self._go(viewport)

    def go_to(self, row: int, column: int) -> None:
        """Put the cursor on a cell, in the middle of the screen unless it was in sight."""
        self._go(self.viewport.at(row, column))

    def show_at(self, row: int, column: int) -> None:
        """Have the cursor on a cell once other values are shown."""
        self._next_place = (row, column)

    @property
    def table(self) -> str:
        """The values in sight, as tab-separated lines."""
        return "" if self.data is None else as_table(self.data, self.viewport)

    def _go(self, viewport: Viewport) -> None:
        before = self.viewport
        self.viewport = self._sized(viewport)
        self.show_lines()
        if self.viewport != before:
            self.post_message(self.Moved(self, before, self.viewport))

    def _sized(self, viewport: Viewport) -> Viewport:
        """Fit the viewport to the widget; a value wider than its column widens all, so that fewer fit."""
        width, height = self.size
        if self.data is None or not width:
            return viewport
        for _ in range(3):
            header = row_header_width(self.data, viewport)
            viewport = viewport.sized(height - 1, columns_that_fit(width, header, self.column_width))
            needed = width_needed(self.data, viewport, self.column_width)
            if needed == self.column_width:
                break
            self.column_width = needed
        return viewport

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the lines."""
        if self.data is None:
            return []
        return grid_lines(self.data, self.viewport, self.column_width, width)

    def on_resize(self) -> None:
        """Show as many cells as fit now."""
        self._lines = []
        self._go(self.viewport)

    # -- keys and mouse ---------------------------------------------------------------------------

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor."""
        self._go(self.viewport.moved(rows, columns))

    def action_page(self, down: int, across: int) -> None:
        """Go a page further."""
        self._go(self.viewport.paged(down, across))

    def action_edge(self, row: int | None, column: int) -> None:
        """Go to the first (0) or the last (-1) row and column; None: stay in the row."""
        view = self.viewport
        new_row = view.row if row is None else row % max(1, view.rows)
        self._go(replace(view, row=new_row, column=column % max(1, view.columns)).moved(0, 0))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down; with shift, to the right."""
        event.stop()
        self._scroll(1, across=event.shift)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up; with shift, to the left."""
        event.stop()
        self._scroll(-1, across=event.shift)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Scroll to the right."""
        event.stop()
        self._scroll(1, across=True)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Scroll to the left."""
        event.stop()
        self._scroll(-1, across=True)

    def _scroll(self, direction: int, *, across: bool) -> None:
        rows, columns = (0, direction) if across else (direction * WHEEL_ROWS, 0)
        self._go(self.viewport.scrolled(rows, columns))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the clicked cell."""
        if self.data is None or event.y < 1:
            return
        header = row_header_width(self.data, self.viewport)
        row, column = event.y - 1, (event.x - header) // (self.column_width + 2)
        box = self.viewport.box
        if 0 <= row < box.rows and 0 <= column < box.columns:
            self.go_to(box.row + row, box.column + column)
