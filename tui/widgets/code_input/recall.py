"""The text as a whole: recalled from the history, put back, put in, left."""

from __future__ import annotations

from tui.widgets.code_input.editing import EditingArea
from tui.widgets.code_input.history import History, HistoryWalk
from tui.widgets.foreign import typed


class RecallingArea(EditingArea):
    """A code area that knows what was typed before."""

    def __init__(
        self, *, history: History | None, placeholder: str, id: str | None, classes: str | None
    ) -> None:
        super().__init__(placeholder=placeholder, id=id, classes=classes)
        self.past = history if history is not None else History()
        """What was typed before. (`history` is the text area's own: of edits.)"""
        self.asking = False
        """Whether a line is typed that answers a cell, and no code."""
        self.draft = ""
        """The code that comes back once the cell has its answer."""
        self._walk: HistoryWalk | None = None

    def leave_list(self) -> None:
        """Close what is open beside the text; there is nothing here."""

    def set_text(self, text: str) -> None:
        """Show another text, with the cursor at its end; what was undone before cannot be brought back."""
        self._walk = None
        self.leave_list()
        self.load_text(typed(text))
        self.move_cursor(self.document.end)

    def restore(self, code: str) -> None:
        """Put back code that could not be run, unless something else is typed by now."""
        if self.asking:
            self.draft = self.draft if self.draft.strip() else code
        elif not self.text.strip():
            self.set_text(code)

    def put(self, code: str) -> None:
        """Put code in place of what is typed: an earlier cell, a file. Undo brings back what was there."""
        if self.asking:
            self.draft = typed(code)
            return
        self._walk = None
        self.leave_list()
        self.replace(typed(code), (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    def cancel_line(self) -> None:
        """Leave what is being typed; undo brings it back."""
        self.leave_list()
        self._walk = None
        if self.text:
            self.replace("", (0, 0), self.document.end, maintain_selection_offset=False)

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; in the first line, go to the entry before that begins like the text before the cursor."""
        if select or self.asking or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
            return
        if self._walk is None or self._walk.shown != self.text:
            self._walk = HistoryWalk(self.past.entries, self.text, self.before_cursor)
        self._recall(self._walk, self._walk.older())

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down; in the last line, go to the entry after, at last back to what was typed."""
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if select or not last or self._walk is None or self._walk.shown != self.text:
            super().action_cursor_down(select)
            return
        self._recall(self._walk, self._walk.newer())

    def _recall(self, walk: HistoryWalk, entry: str | None) -> None:
        if entry is not None:
            self.set_text(entry)
            self._walk = walk
