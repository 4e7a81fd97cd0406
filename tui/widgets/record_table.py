"""A table of records that repaints only the cells that changed and keeps the cursor on its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.text import Text
from textual.geometry import Region
from textual.message import Message
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

Row = tuple[str, tuple[Text, ...]]
"""Key of the record, and its cells."""


class RecordTable(DataTable[Text]):
    """A `DataTable` that is handed whole lists of records and works out what changed."""

    DEFAULT_CSS = """
    RecordTable { height: 1fr; background: $background; }
    RecordTable > .datatable--header { background: $panel; color: $text-muted; text-style: none; }
    RecordTable > .datatable--cursor { background: $surface; text-style: bold; color: $foreground; }
    RecordTable:focus > .datatable--cursor { background: $primary 30%; color: $foreground; }
    """

    @dataclass
    class Highlighted(Message):
        """The cursor is on another record."""

        table: RecordTable
        key: str | None

        @property
        def control(self) -> RecordTable:
            """The table."""
            return self.table

    _held = False

    def __init__(self, columns: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=1)
        self._titles = tuple(columns)
        self._shown: dict[str, tuple[Text, ...]] = {}

    def on_mount(self) -> None:
        """Lay out the columns."""
        self._lay_out()

    def _lay_out(self) -> None:
        for title in self._titles:
            self.add_column(title, key=title)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these records, in this order."""
        wanted = dict(rows)
        if list(wanted) != list(self._shown):
            self._rebuild(wanted)
            return
        for key, cells in wanted.items():
            for title, cell, before in zip(self._titles, cells, self._shown[key], strict=True):
                if cell != before or cell.style != before.style:
                    self._replace_cell(key, title, cell)
        self._shown = wanted

    def _replace_cell(self, key: str, title: str, cell: Text) -> None:
        """Paint one cell anew; all of them only where its column becomes wider."""
        column = self.columns[ColumnKey(title)]
        grows = cell.cell_len > column.content_width
        if grows:  # the table does so when it is idle, and would keep a picture made before
            column.content_width = cell.cell_len
        self._held = not grows
        try:
            self.update_cell(key, title, cell, update_width=grows)
        finally:
            self._held = False
        if not grows:
            self.refresh_coordinate(self.get_cell_coordinate(key, title))

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Paint anew; an update of one cell would have all cells painted, and is held back from that."""
        if self._held and not regions:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _rebuild(self, wanted: dict[str, tuple[Text, ...]]) -> None:
        here = self.current_key
        scroll = self.scroll_offset
        self.clear(columns=True)  # with the columns, or they keep the width of rows long gone
        self._lay_out()
        # now, since the table works them out when it is idle and would keep a picture made before
        for column, cells in zip(self.ordered_columns, zip(*wanted.values(), strict=True), strict=False):
            column.content_width = max(column.content_width, *(cell.cell_len for cell in cells))
        for key, cells in wanted.items():
            self.add_row(*cells, key=key)
        self._shown = wanted
        if here in wanted:
            self.move_cursor(row=self.get_row_index(here), animate=False, scroll=False)
            self.scroll_to(scroll.x, scroll.y, animate=False)

    @property
    def current_key(self) -> str | None:
        """The key of the record under the cursor; None in an empty table."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell which record the cursor is on."""
        event.stop()
        self.post_message(self.Highlighted(self, event.row_key.value))
