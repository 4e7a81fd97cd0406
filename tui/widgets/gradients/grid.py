"""The table of gradients: rows with a cursor, what there is to say of one of them, the totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from tui.protocol.gradients import GradientRow, GradientTable
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.norms import scale_of
from tui.widgets.gradients.order import Group, Order, groups_of
from tui.widgets.gradients.table import (
    SORTS,
    detail_lines,
    fit,
    group_line,
    head_line,
    row_line,
)
from tui.widgets.gradients.views import BlockList


class GradientGrid(ItemLines):
    """The rows; a line of titles above them, a line above each group that has no gradient."""

    class Sorted(Message):
        """The rows are in another order."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.order = Order()
        self._rows: tuple[GradientRow, ...] = ()
        self._items: list[GradientRow | Group] = []
        self._scale = scale_of(())
        self._slots = fit((), 1)

    def show(self, rows: tuple[GradientRow, ...]) -> None:
        """Show these rows."""
        self._rows = rows
        self._scale = scale_of(row.grad_norm for row in rows)
        self.lay_out_again()

    def sort(self, order: Order) -> None:
        """Show the rows in another order."""
        self.order = order
        self.lay_out_again(to_top=True)

    @property
    def row_count(self) -> int:
        """How many gradients there are rows for."""
        return len(self._rows)

    @property
    def current(self) -> GradientRow | None:
        """The row under the cursor."""
        here = self.current_key.removeprefix("leaf ")
        return next((row for row in self._rows if row.name == here), None) if here else None

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Sort and group the rows, and find the columns that fit."""
        self._items = []
        for group in groups_of(self._rows, self.order):
            self._items += [group, *group.rows] if group.why else group.rows
        self._slots = fit(self._rows, width)
        keys = [f"leaf {item.name}" if isinstance(item, GradientRow) else "" for item in self._items]
        return keys, [1] * len(keys)

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a row, or the line above a group."""
        shown = self._items[item]
        if isinstance(shown, Group):
            return group_line(shown, width)
        return row_line(shown, self._slots, self._scale)

    def head_lines(self, width: int) -> Sequence[StyledLine]:
        """Return the titles."""
        return (head_line(self._slots, self.order, self._scale, width),)

    def head_clicked(self, column: int) -> None:
        """Sort by the column that was clicked on."""
        for slot in self._slots:
            if slot.start <= column < slot.start + slot.width and slot.column in SORTS:
                self.sort(self.order.by(SORTS[slot.column]))


class GradientPanel(Vertical):
    """The rows, and below them everything there is to say of the one under the cursor."""

    DEFAULT_CSS = """
    GradientPanel #gradient-detail {
        height: auto; max-height: 8; min-height: 4; border-top: solid $panel; padding: 0 1;
    }
    GradientPanel.-short #gradient-detail { display: none; }
    """
    SHORT_ROWS = 12

    @dataclass
    class Opened(Message):
        """A gradient is to be looked at."""

        name: str

    def compose(self) -> ComposeResult:
        """Lay out rows and details."""
        yield GradientGrid(id="gradient-grid")
        detail = BlockList(id="gradient-detail")
        detail.can_focus = False
        yield detail

    def on_resize(self) -> None:
        """Give the rows all there is where there is little."""
        self.set_class(self.size.height < self.SHORT_ROWS, "-short")

    @property
    def grid(self) -> GradientGrid:
        """The rows."""
        return self.query_one(GradientGrid)

    def show(self, table: GradientTable) -> None:
        """Show a table."""
        self.grid.show(table.rows)
        self._show_detail()

    @on(ItemLines.Highlighted, "#gradient-grid")
    def _moved(self, event: ItemLines.Highlighted) -> None:
        event.stop()
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.grid.current
        self.query_one("#gradient-detail", BlockList).show(
            lambda width: [Block(tuple(detail_lines(row, width)))] if row else []
        )

    @on(ItemLines.Chosen, "#gradient-grid")
    def _chosen(self, event: ItemLines.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(event.key.removeprefix("leaf ")))
