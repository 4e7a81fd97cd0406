"""Edits that know code: indentation, comments, brackets, pasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from tui.protocol.python_text import OPENING
from tui.widgets.code_input import indent
from tui.widgets.code_input.area import CodeArea
from tui.widgets.code_input.brackets import closing_for
from tui.widgets.foreign import typed


class EditingArea(CodeArea):
    """A code area whose keys edit code."""

    auto_close = False
    """Whether an opening bracket brings its closing one, which is then typed over."""

    def type_text(self, text: str) -> None:
        """Put text in place of the selection, or at the cursor."""
        self.replace(text, *self.selection, maintain_selection_offset=False)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.paste_text(typed(event.text))

    def paste_text(self, text: str) -> None:
        """Put pasted text in place of the selection."""
        self.type_text(text)

    # -- lines ------------------------------------------------------------------------------------

    @property
    def selects_lines(self) -> bool:
        """Whether the selection reaches over more than one line."""
        start, end = self.selection
        return start[0] != end[0]

    def _change_lines(self, change: Callable[[Sequence[str]], list[str]]) -> None:
        """Change the lines that the selection touches, in one edit; the cursor stays with its character."""
        (top, _), (bottom, column) = sorted(self.selection)
        if bottom > top and column == 0:
            bottom -= 1  # the selection ends before that line
        lines = [self.document[row] for row in range(top, bottom + 1)]
        changed = change(lines)
        if changed == lines:
            return
        start, end = self.selection
        self.replace("\n".join(changed), (top, 0), (bottom, len(lines[-1])), maintain_selection_offset=False)
        grown = {row: len(changed[row - top]) - len(lines[row - top]) for row in range(top, bottom + 1)}
        self.selection = type(self.selection)(
            *((row, max(0, column + grown.get(row, 0)) if column else 0) for row, column in (start, end))
        )

    def action_indent_lines(self, steps: int = 1) -> None:
        """Shift the selected lines one step in, or out with -1."""
        self._change_lines(lambda lines: indent.shifted(lines, steps))

    def action_toggle_comment(self) -> None:
        """Make comments of the selected lines, or code again."""
        self._change_lines(indent.comment_toggled)
        if self.selection.is_empty and not self.document[self.cursor_location[0]].lstrip("# "):
            self.move_cursor((self.cursor_location[0], len(self.document[self.cursor_location[0]])))

    def action_delete_left(self) -> None:
        """Delete the selection, or to the left: in the indent, to the tab stop before."""
        row, column = self.cursor_location
        if not self.selection.is_empty:
            super().action_delete_left()
            return
        taken = indent.back_to_tab_stop(self.document[row][:column])
        line = self.document[row]
        if taken > 1:
            self.delete((row, column - taken), (row, column), maintain_selection_offset=False)
        elif self.auto_close and column and OPENING.get(line[column - 1]) == line[column : column + 1] != "":
            self.delete((row, column - 1), (row, column + 1), maintain_selection_offset=False)
        else:
            super().action_delete_left()

    # -- brackets ---------------------------------------------------------------------------------

    def close_bracket(self, character: str | None) -> bool:
        """Bring the closing bracket along, or type over it; return whether that was all there was to do."""
        if not self.auto_close or not self.selection.is_empty or not character:
            return False
        row, column = self.cursor_location
        after = self.document[row][column:]
        if character in OPENING.values() and after.startswith(character):
            self.move_cursor((row, column + 1))
            return True
        closing = closing_for(character, after)
        if closing:
            self.type_text(character + closing)
            self.move_cursor((row, column + 1))
        return bool(closing)
