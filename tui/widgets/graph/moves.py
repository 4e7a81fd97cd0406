"""The keys that move the cursor over a graph and fold its modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.widgets.graph.rows import GraphRows

if TYPE_CHECKING:
    from tui.widgets.graph.model import GraphModel


class GraphMoves(GraphRows):
    """Rows with a cursor that is moved by actions; what follows from a move is for the subclass."""

    def moved(self) -> None:
        """Called when the cursor is on another node."""
        raise NotImplementedError

    def tell_cursor(self) -> None:
        """Called when the row of the cursor stands for another node."""
        raise NotImplementedError

    def ask_soon(self) -> None:
        """Called when other rows may be on the screen."""
        raise NotImplementedError

    def go_to_row(self, row: int) -> None:
        """Put the cursor on a row."""
        if self.model is not None:
            before = self.model.cursor_row
            self.model.go_to_row(row)
            if self.model.cursor_row != before:
                self.moved()
            else:
                self.show_cursor()
                self.ask_soon()

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        if self.model is not None:
            self.go_to_row(self.model.cursor_row + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        if self.model is not None:
            step = pages * max(1, self.page_rows - 1)
            self._top += step
            self.go_to_row(self.model.cursor_row + step)

    def action_go(self, row: int) -> None:
        """Put the cursor on the first or the last row."""
        if self.model is not None:
            self.go_to_row(row if row >= 0 else len(self.model.rows) + row)

    def action_cpp_names(self) -> None:
        """Tell operations by autograd's own names, or by those of the user's code."""
        self.cpp_names = not self.cpp_names
        self.lay_out()

    def action_toggle_fold(self) -> None:
        """Fold the innermost module around the cursor, or unfold the row under it."""
        self._refold(lambda model: model.toggle_fold())

    def action_fold_around(self) -> None:
        """Fold the module around the row under the cursor."""
        self._refold(lambda model: model.fold_around())

    def action_fold_by(self, levels: int) -> None:
        """Fold all modules a level further, or unfold them."""
        self._refold(lambda model: model.fold_by(levels))

    def _refold(self, change: Callable[[GraphModel], bool]) -> None:
        """Change what is folded; the cursor stays on its line of the screen."""
        if self.model is None:
            return
        line, before = self.model.cursor_row - self.top, self.model.current
        if not change(self.model):
            return
        self.keep_place(line)
        if self.model.current != before:
            self.tell_cursor()
        self.ask_soon()

    def action_match(self, direction: int) -> None:
        """Go to the next or previous match."""
        if self.model is not None and self.model.match(direction):
            self.moved()

    def action_next_parameter(self) -> None:
        """Go to the next parameter."""
        if self.model is not None and self.model.next_parameter():
            self.moved()

    def action_previous_user(self) -> None:
        """Go up to what uses this node."""
        if self.model is not None and self.model.previous_user():
            self.moved()
