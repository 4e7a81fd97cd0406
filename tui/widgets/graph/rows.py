"""The rows of a graph on the screen: painting, scrolling, the mouse. What is missing is blank and fills in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.graph.columns import Slot, fit, lanes_for
from tui.widgets.graph.row_lines import foot_line, graph_line, head_line
from tui.widgets.variables.painting import Painted, PaintedLines

if TYPE_CHECKING:
    from tui.widgets.graph.model import GraphModel
    from tui.widgets.graph.rails import Rail

WHEEL_ROWS = 3
FOOT_FROM = 6
"""Rows of the widget from which on the last of them is the foot."""
PREPARE_S = 0.008
"""Time that is spent in one go on laying out rows that are further down."""
PREPARE_EVERY_S = 0.03


class GraphRows(PaintedLines, can_focus=True):
    """A head, the rows of the graph, a foot."""

    OWN_GROUND = frozenset({"thumb", "track"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model: GraphModel | None = None
        """The graph that is shown; None: there is none."""
        self.cpp_names = False
        self._top = 0
        self._slots: list[Slot] = []
        self._window: list[Rail] = []
        self._preparing = False

    # -- what is on the screen --------------------------------------------------------------------

    @property
    def page_rows(self) -> int:
        """Rows of the graph on the screen at a time."""
        return max(1, self.size.height - 1 - int(self.size.height >= FOOT_FROM))

    @property
    def top(self) -> int:
        """The first row on the screen."""
        return self._top

    def show_cursor(self) -> None:
        """Bring the cursor on the screen, and paint."""
        if self.model is not None:
            self.show_row(self.model.cursor_row)

    def show_row(self, row: int) -> None:
        """Bring a row on the screen, and paint; from far away it comes with some rows around it."""
        if not self._top <= row < self._top + self.page_rows:
            near = min(abs(row - self._top), abs(row - self._top - self.page_rows + 1)) <= 1
            if not near:
                self._top = row - self.page_rows // 3
        self._top = max(row - self.page_rows + 1, min(self._top, row))
        self.lay_out()

    def keep_place(self, line: int) -> None:
        """Paint with the cursor in a line of the screen: rows came or went, and it is to stay where it was."""
        if self.model is not None:
            self._top = self.model.cursor_row - max(0, min(line, self.page_rows - 1))
            self.lay_out()

    def lay_out(self) -> None:
        """Fit the columns to what there is now, and paint."""
        model, width = self.model, self._width
        if model is None or not width:
            self.paint()
            return
        model.set_cap(lanes_for(width))
        self._slots = fit(
            width,
            gradients=model.gradients is not None,
            module_cells=model.module_cells,
            lines=model.opened.recorded,
        )
        self._top = max(0, min(self._top, len(model.rows) - self.page_rows))
        self._window = list(model.rail_window(self._top, self.page_rows))
        self.paint()
        self._prepare()

    def _prepare(self) -> None:
        """Lay out the rows further down bit by bit, so that none of them is far away."""
        if not self._preparing and self.model is not None and not self.model.rails.prepare(PREPARE_S):
            self._preparing = True
            self.set_timer(PREPARE_EVERY_S, self._prepare_more)

    def _prepare_more(self) -> None:
        self._preparing = False
        self._prepare()

    # -- lines ------------------------------------------------------------------------------------

    @property
    def _overflows(self) -> bool:
        return self.model is not None and len(self.model.rows) > self.page_rows

    @property
    def _width(self) -> int:
        return max(0, self.size.width - 1)

    def make_line(self, y: int) -> Painted:
        """Return the head, a row, or the foot."""
        model, width = self.model, self._width
        if model is None or not self._slots:
            row = Row(self.size.width)
            if y == 1:
                row.put(2, cut(to_cells("no graph is open"), self.size.width), "dim")
            return Painted(row.line(), "head" if y == 0 else "")
        if y == 0:
            return Painted(self._with_bar(head_line(model, self._slots, width), y), "head")
        if y > self.page_rows:
            return Painted(self._with_bar(foot_line(model, width), y), "foot")
        number, place = self._top + y - 1, y - 1
        if place >= len(self._window):
            return Painted(self._with_bar(Row(width).line(), y), "")
        above = ""
        if place and model.rows.kind(number - 1) == "node":
            above = model.structure.module_of(model.rows.span(number - 1)[0])
        line = graph_line(
            model,
            number,
            self._window[place],
            self._slots,
            width,
            cpp_names=self.cpp_names,
            module_above=above,
        )
        ground = "turn" if model.progress(number) == "now" else ""
        return Painted(self._with_bar(line, y), "cursor" if number == model.cursor_row else ground)

    def _with_bar(self, line: Line, y: int) -> Line:
        """Return the line with its cell of the bar that tells which part is on the screen."""
        thumb = False
        if self.model is not None and self._overflows and 0 < y <= self.page_rows:
            rows, total = self.page_rows, len(self.model.rows)
            length = max(1, rows * rows // total)
            start = round((rows - length) * self._top / max(1, total - rows))
            thumb = start <= y - 1 < start + length
        style = ("thumb" if thumb else "track") if 0 < y <= self.page_rows else ""
        return Line((*line.cells, "▐" if thumb else " "), (*line.styles, style))

    # -- the terminal -----------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Lay everything out for the new size."""
        self._painted = []
        self.lay_out()
        if self.has_focus:
            self.show_cursor()

    def on_focus(self) -> None:
        """Draw the cursor as the one that keys move."""
        self.recolour("cursor")

    def on_blur(self) -> None:
        """Draw the cursor as one that waits."""
        self.recolour("cursor")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll; the cursor stays where it is."""
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll; the cursor stays where it is."""
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def scroll_rows(self, rows: int) -> None:
        """Scroll by rows; the cursor stays where it is."""
        before = self._top
        self._top += rows
        self.lay_out()
        if self._top != before:
            self.scrolled()

    def scrolled(self) -> None:
        """Called when other rows came on the screen."""

    def row_at(self, y: int) -> int | None:
        """Return the row in a line of the screen; None where there is none."""
        place = y - 1
        return self._top + place if 0 <= place < min(len(self._window), self.page_rows) else None

    def on_sign(self, x: int, row: int) -> bool:
        """Whether a column is that of the sign of a row that is on the screen."""
        at = self._slots[0].start + self._window[row - self._top].at
        return at - 1 <= x <= at + 1
