"""The selected cell of a transcript: moving from cell to cell, and what the keys do with one."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.transcript.actions import image_count, possible, tensor_count
from tui.widgets.transcript.bindings import BINDINGS
from tui.widgets.transcript.cells import Cell
from tui.widgets.transcript.rows import CellRows
from tui.widgets.transcript.spill import Spill


class CellCursor(CellRows):
    """Rows of cells of which one is selected; it is marked while the widget has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = BINDINGS

    class EditWanted(Message):
        """The user wants the code of a cell in the input."""

        def __init__(self, code: str) -> None:
            super().__init__()
            self.code = code

    class RerunWanted(Message):
        """The user wants the code of a cell to run again."""

        def __init__(self, code: str) -> None:
            super().__init__()
            self.code = code

    class CopyWanted(Message):
        """The user wants a text on the clipboard."""

        def __init__(self, text: str, what: Literal["code", "output"]) -> None:
            super().__init__()
            self.text = text
            self.what = what

    class ImageWanted(Message):
        """The user wants to see the value ``Out[count]`` of a cell as an image: `Transcript.show_pixels` takes it."""

        def __init__(self, cell_id: str, count: int) -> None:
            super().__init__()
            self.cell_id = cell_id
            self.count = count

    class ViewWanted(Message):
        """The user wants the tensor viewer on an expression."""

        def __init__(self, expression: str) -> None:
            super().__init__()
            self.expression = expression

    class LeaveWanted(Message):
        """The user is done here."""

    def __init__(self, spill: Spill | None, *, id: str | None, classes: str | None) -> None:
        super().__init__(spill, id=id, classes=classes)
        self._cursor: Cell | None = None  # None: the newest

    # -- the selected cell ------------------------------------------------------------------------

    @property
    def selected(self) -> Cell | None:
        """The selected cell: the newest until another is chosen, or where that one was dropped; None without cells."""
        if self._cursor is not None and self._cells.has(self._cursor):
            return self._cursor
        return self._cells.cells[-1] if self._cells.cells else None

    def marked_cell(self) -> Cell | None:
        """Return the selected cell while the transcript has the focus."""
        return self.selected if self.has_focus else None

    def _select(self, cell: Cell) -> None:
        """Select a cell and bring it into view; the newest stays selected by being the newest."""
        self._cursor = cell if cell is not self._cells.cells[-1] else None
        if self._asked:
            self.lay_out()
        self.reveal(cell)
        self.paint_changes()
        self.refresh_bindings()

    def _changed_cell(self, cell: Cell) -> None:
        """Lay out now and keep a cell in view whose height changed at the user's wish."""
        self.lay_out()
        self.reveal(cell)
        self.refresh_bindings()

    def on_focus(self) -> None:
        """Mark the selected cell."""
        self.paint_changes()

    def on_blur(self) -> None:
        """Take the mark away."""
        self.paint_changes()

    def on_click(self, event: events.Click) -> None:
        """Select the cell under the mouse; it stays where it is."""
        self._cursor = self._layout.cell_at(self.scroll_offset.y + event.y)
        self.paint_changes()
        self.refresh_bindings()

    def action_select(self, step: int) -> None:
        """Select the cell so many below, above where negative."""
        cells, current = self._cells.cells, self.selected
        if current is not None:
            index = cells.index(current) + step
            self._select(cells[min(max(index, 0), len(cells) - 1)])

    def action_oldest(self) -> None:
        """Select the first cell and scroll to it."""
        if self._cells.cells:
            self._select(self._cells.cells[0])
        self.scroll_to(y=0, animate=False)

    def action_newest(self) -> None:
        """Select the newest cell, scroll to its end and follow."""
        if self._cells.cells:
            self._select(self._cells.cells[-1])
        self.show_end()

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.scroll_pages(pages)

    # -- what is done with it ---------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what makes no sense for the selected cell; what makes sense for few is not even named."""
        if possible(self.selected, action):
            return True
        return False if action in ("image", "traceback") else None

    def action_edit(self) -> None:
        """Ask for the cell's code in the input."""
        if (cell := self.selected) is not None and cell.code is not None:
            self.post_message(self.EditWanted(cell.code))

    def action_rerun(self) -> None:
        """Ask for the cell's code to run again."""
        if (cell := self.selected) is not None and cell.code is not None:
            self.post_message(self.RerunWanted(cell.code))

    def action_copy_code(self) -> None:
        """Ask for the cell's code on the clipboard."""
        if (cell := self.selected) is not None and cell.code is not None:
            self.post_message(self.CopyWanted(cell.code, "code"))

    def action_copy_output(self) -> None:
        """Ask for the cell's output on the clipboard."""
        if (cell := self.selected) is not None:
            self.post_message(self.CopyWanted(cell.output_text, "output"))

    def action_view(self) -> None:
        """Ask for the viewer on the cell's tensor."""
        if (cell := self.selected) is not None and (count := tensor_count(cell)) is not None:
            self.post_message(self.ViewWanted(f"_{count}"))

    def action_image(self) -> None:
        """Ask for the cell's tensor as an image, or take the image away again."""
        if (cell := self.selected) is None or (count := image_count(cell)) is None:
            return
        if cell.drop_image():
            self._changed_cell(cell)
        else:
            self.post_message(self.ImageWanted(cell.id, count))

    def action_drawing(self) -> None:
        """Show PyTorch's own text in place of the drawing, or the drawing again."""
        if (cell := self.selected) is not None:
            cell.toggle_drawing()
            self._changed_cell(cell)

    def action_traceback(self) -> None:
        """Unfold the cell's traceback, or fold it again."""
        if (cell := self.selected) is not None:
            cell.toggle_traceback()
            self._changed_cell(cell)

    def action_fold(self) -> None:
        """Fold the cell's output to one line, or unfold it."""
        if (cell := self.selected) is not None and cell.can_fold:
            cell.fold()
            self._changed_cell(cell)

    def action_leave(self) -> None:
        """Tell the screen that the user is done here."""
        self.post_message(self.LeaveWanted())
