"""The keys of the transcript: they move from cell to cell and act on the selected one."""

from __future__ import annotations

from textual.binding import BindingType

from tui.widgets.keys import key

BINDINGS: list[BindingType] = [
    key("up,k", "select(-1)", "Up", "transcript.up", "Select the cell above", show=False),
    key("down,j", "select(1)", "Down", "transcript.down", "Select the cell below", show=False),
    key("home", "oldest", "First", "transcript.first", "Select the first cell", show=False),
    key("end", "newest", "Last", "transcript.last", "Select the newest cell and follow it", show=False),
    key("pageup", "page(-1)", "Page up", "transcript.page-up", "Scroll the output up one page", show=False),
    key("pagedown", "page(1)", "Page down", "transcript.page-down", "Scroll it down one page", show=False),
    key("enter,e", "edit", "Edit", "transcript.edit", "Take the cell's code into the input"),
    key("r", "rerun", "Run again", "transcript.rerun", "Run the cell's code again"),
    key("v", "view", "View", "transcript.view", "Open the cell's tensor in the viewer"),
    key("i", "image", "Image", "transcript.image", "Look at the cell's tensor as an image"),
    key("t", "traceback", "Frames", "transcript.traceback", "Unfold the traceback or fold it"),
    key("o", "copy_output", "Copy", "transcript.copy-output", "Copy what the cell printed and showed"),
    key("y", "copy_code", "Copy code", "transcript.copy-code", "Copy the cell's code", show=False),
    key("p", "drawing", "Text", "transcript.drawing", "From the drawing to PyTorch's own text and back"),
    key("space", "fold", "Fold", "transcript.fold", "Fold the cell's output to one line", show=False),
    key("escape", "leave", "Input", "transcript.leave", "Back to the input"),
]
