"""The keys of the code input: those of a text area but for what belongs to the screen.

ctrl+c, ctrl+k, F keys, page up and page down are left to it.
"""

from __future__ import annotations

from textual.binding import Binding, BindingType

BINDINGS: list[BindingType] = [
    Binding("up", "cursor_up", "Up", show=False, tooltip="Up; in the first line: older entries"),
    Binding("down", "cursor_down", "Down", show=False, tooltip="Down; in the last line: newer entries"),
    Binding("left", "cursor_left", "Left", show=False),
    Binding("right", "cursor_right", "Right", show=False),
    Binding("ctrl+left,alt+b", "cursor_word_left", "Word left", show=False),
    Binding("ctrl+right,alt+f", "cursor_word_right", "Word right", show=False),
    Binding("home,ctrl+a", "cursor_line_start", "Line start", show=False),
    Binding("end,ctrl+e", "cursor_line_end", "Line end", show=False),
    Binding("shift+up", "cursor_up(True)", "Select up", show=False),
    Binding("shift+down", "cursor_down(True)", "Select down", show=False),
    Binding("shift+left", "cursor_left(True)", "Select left", show=False),
    Binding("shift+right", "cursor_right(True)", "Select right", show=False),
    Binding("ctrl+shift+left", "cursor_word_left(True)", "Select word left", show=False),
    Binding("ctrl+shift+right", "cursor_word_right(True)", "Select word right", show=False),
    Binding("shift+home", "cursor_line_start(True)", "Select to line start", show=False),
    Binding("shift+end", "cursor_line_end(True)", "Select to line end", show=False),
    Binding("backspace", "delete_left", "Delete left", show=False),
    Binding("delete,ctrl+d", "delete_right", "Delete right", show=False),
    Binding("ctrl+w,ctrl+backspace,alt+backspace", "delete_word_left", "Delete word left", show=False),
    Binding("alt+delete,alt+d", "delete_word_right", "Delete word right", show=False),
    Binding("ctrl+u,super+backspace", "delete_to_start_of_line", "Delete to line start", show=False),
    Binding("ctrl+x,super+x", "cut", "Cut", show=False),
    Binding("super+c,alt+w", "copy", "Copy", show=False),
    Binding("ctrl+v,super+v", "paste", "Paste", show=False),
    Binding("ctrl+z,super+z", "undo", "Undo", show=False),
    Binding("ctrl+y,super+y", "redo", "Redo", show=False),
    Binding(
        "ctrl+underscore,ctrl+slash",
        "toggle_comment",
        "Comment",
        show=False,
        tooltip="Comment lines out or in",
    ),
    Binding("ctrl+r", "search_history", "History", show=False, tooltip="Search what was typed before"),
]
