"""Cells as rows on the screen: layout, scrolling, painting what changed. Knows no keys and no kernel."""

from __future__ import annotations

import time

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.widgets.transcript.blocks import Block
from tui.widgets.transcript.cells import Cell
from tui.widgets.transcript.model import Cells, Layout
from tui.widgets.transcript.painter import Painter, selected
from tui.widgets.transcript.spill import Spill

FRAME_S = 1 / 30
"""Shortest time between two layouts."""
GUTTER = 1
"""Cells at the left that are kept for the mark of the selected cell."""
_NOTHING = Block("")


class CellRows(ScrollView):
    """Draws the rows of cells; sticks to the bottom until the user scrolls up."""

    ALLOW_SELECT = True

    def __init__(self, spill: Spill | None, *, id: str | None, classes: str | None) -> None:
        super().__init__(id=id, classes=classes)
        self._cells = Cells(spill)
        self._layout = Layout([], 80)
        self._painter = Painter(self, "transcript--")
        self._painted: dict[
            int, tuple[Strip, bool]
        ] = {}  # by row of the screen: what it shows, whether marked
        self._follow = True
        self._asked = False
        self._laid_out_at = 0.0

    @property
    def text(self) -> str:
        """All rows as text, as they are wrapped now."""
        self.lay_out()
        width = self.size.width
        return "\n".join(self._strip(row, width).text.rstrip() for row in range(self._layout.rows))

    def marked_cell(self) -> Cell | None:
        """Return the cell that is marked at the left."""
        return None

    # -- layout -----------------------------------------------------------------------------------

    def _ask_layout(self) -> None:
        """Lay out soon: many changes cost one layout."""
        if self._asked or not self.is_mounted:
            return
        self._asked = True
        wait_s = FRAME_S - (time.monotonic() - self._laid_out_at)
        if wait_s > 0:
            self.set_timer(wait_s, self.lay_out)
        else:
            self.call_later(self.lay_out)

    def lay_out(self) -> None:
        """Bring the rows up to date and paint those that differ from what is on the screen."""
        self._asked = False
        self._laid_out_at = time.monotonic()
        width = self.scrollable_content_region.width
        if width <= GUTTER:
            return
        before, row = self._layout, round(self.scroll_y)
        anchor = None if self._follow else before.anchor(row)
        self._cells.trim()
        self._layout = Layout(self._cells.cells, width - GUTTER)
        self.virtual_size = Size(width, self._layout.rows)
        if self._follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        elif anchor is not None:
            self.scroll_to(y=min(self._layout.row_of(anchor), self.max_scroll_y), animate=False, force=True)
        self.paint_changes()

    def paint_changes(self) -> None:
        """Paint the rows that differ from what is on the screen."""
        top, marks, size = self.scroll_offset.y, self._marked_rows(), self.size
        regions = []
        for y in range(size.height):
            painted, strip, marked = self._painted.get(y), self._strip(top + y, size.width), top + y in marks
            if painted is None or painted[1] != marked or (strip is not painted[0] and strip != painted[0]):
                regions.append(Region(0, y, size.width, 1))
        if regions:
            self.refresh(*regions)

    def on_mount(self) -> None:
        """Lay out what came before there was a size."""
        self._ask_layout()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap anew."""
        self._painted.clear()
        self.lay_out()

    def on_show(self) -> None:
        """Lay out what came while there was nothing to see."""
        self.lay_out()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        super().notify_style_update()
        self._painter.forget()
        self._painted.clear()

    # -- scrolling --------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the output when at its end; paint the rows that differ."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        self._follow = round(new_value) >= self.max_scroll_y
        if round(old_value) != round(new_value):
            self.paint_changes()

    def scroll_pages(self, pages: float) -> None:
        """Scroll by pages, up where negative."""
        step = max(self.size.height - 2, 1)
        self.scroll_to(y=round(self.scroll_y + pages * step), animate=False)

    def show_end(self) -> None:
        """Scroll to the end and follow."""
        self._follow = True
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def reveal(self, cell: Cell) -> None:
        """Scroll as little as shows a cell: its top, where it is higher than the view."""
        place = self._layout.place(cell)
        if place is None:
            return
        (first, after), height, top = place, self.size.height, self.scroll_offset.y
        if after >= self._layout.rows and after - first <= height:
            self.show_end()
        elif first < top or after - first > height:
            self.scroll_to(y=first, animate=False, force=True)
        elif after > top + height:
            self.scroll_to(y=after - height, animate=False, force=True)

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        row = self.scroll_offset.y + y
        strip, marked = self._strip(row, self.size.width), row in self._marked_rows()
        self._painted[y] = (strip, marked)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            strip = selected(strip, *span, self.screen.get_component_rich_style("screen--selection"))
        mark = Segment("▌", self._painter.style("cursor")) if marked else Segment(" ", self.rich_style)
        # The gutter counts as the first character, so that a selection may begin in it.
        return Strip.join([Strip([mark]).apply_offsets(0, row), strip.apply_offsets(0, row)])

    def _marked_rows(self) -> range:
        cell = self.marked_cell()
        place = self._layout.place(cell) if cell is not None else None
        return range(*place) if place is not None else range(0)

    def _strip(self, row: int, width: int) -> Strip:
        """Return a row of the transcript, without the gutter, for a widget so many cells wide."""
        width -= GUTTER
        found = self._layout.locate(row) if row < self._layout.rows else None
        block, line, index = found if found is not None else (_NOTHING, "", 0)
        return self._painter.strip(line, block.style, index, self._layout.width, width)

    # -- selection --------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text under a selection made with the mouse."""
        return selection.extract(self.text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Paint the selection."""
        self.refresh()
