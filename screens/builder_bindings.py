"""The keys of the Builder screen."""

from __future__ import annotations

from typing import Final

from textual.binding import BindingType

from tui.widgets.keys import key

NEEDS_BLOCK: Final = frozenset(
    ("remove", "duplicate", "shift", "wrap", "unwrap", "rename", "freeze", "into", "moving")
)
"""Actions that make no sense without a block."""
TYPED_IN_FORM: Final = frozenset(("place", "undo", "fix", "pane", "save", "open"))
"""Actions in the bar whose keys are letters: in the form those are typed into its field."""
NEEDS_CODE: Final = frozenset(("copy", "save", "train", "send", "try_out"))
"""Actions that make no sense before the kernel has told the code."""

BUILDER_KEYS: Final[list[BindingType]] = [
    key("a", "place('after')", "Add", "builder.add", "Add layers after this block: conv 32 3 | relu | pool 2"),
    key("A", "place('before')", "Add before", "builder.add-before", "Add layers before this block", show=False),
    key("i", "place('into')", "Add into", "builder.add-into", "Add layers inside this block", show=False),
    key("d,delete", "remove", "Delete", "builder.delete", "Delete the block, or the selected ones", show=False),
    key("D", "duplicate", "Duplicate", "builder.duplicate", "Put a copy of the block after it", show=False),
    key("m", "moving", "Move", "builder.move", "Move the block with the arrows, until enter", show=False),
    key("alt+up,K", "shift('up')", "Move up", "builder.move-up", "Move the block up", show=False),
    key("alt+down,J", "shift('down')", "Move down", "builder.move-down", "Move the block down", show=False),
    key("alt+right", "shift('in')", "Move in", "builder.move-in", "Move it into the block beside it", show=False),
    key("alt+left", "shift('out')", "Move out", "builder.move-out", "Move it out of the block it is in", show=False),
    key(
        "w", "wrap", "Wrap", "builder.wrap",
        "Put a sequence, residual, parallel or repeat around the block, or around the selected ones", show=False,
    ),
    key("W", "unwrap", "Unwrap", "builder.unwrap", "Put what is in the block in its place", show=False),
    key("u", "undo", "Undo", "builder.undo", "Undo the last edit, without limit"),
    key("U,ctrl+r", "redo", "Redo", "builder.redo", "Make the edit again that was undone", show=False),
    key("f", "fix(0)", "Fix", "builder.fix", "Apply the first fix of the row that fails"),
    key("2", "fix(1)", "Second fix", "builder.fix-2", "Apply the second fix", show=False),
    key("3", "fix(2)", "Third fix", "builder.fix-3", "Apply the third fix", show=False),
    key("e", "to_failing", "To error", "builder.to-error", "Go to the row that fails", show=False),
    key("F", "freeze", "Freeze", "builder.freeze", "Freeze the parameters of the block, or let them train", show=False),
    key("r", "rename", "Rename", "builder.rename", "Rename the block; without a name it gets one", show=False),
    key("R", "name_model", "Name", "builder.name", "Name the class of the model", show=False),
    key("I", "inputs", "Input", "builder.input", "The input's shape and dtype, or a tensor that has them", show=False),
    key("b", "batch", "Batch", "builder.batch", "Batch size and optimizer that the memory is reckoned for", show=False),
    key("c", "pane", "Code", "builder.code", "Code, the same as nn.Sequential, or the tree alone"),
    key("y", "copy", "Copy", "builder.copy", "Copy the code", show=False),
    key("s", "save", "Save", "builder.save", "Save the code as a .py file"),
    key("p", "train", "Train", "builder.train", "Save it as a preset with data, loss, optimizer; train it", show=False),
    key("x", "send", "To REPL", "builder.send", "Run the class in the REPL: its instance is called model", show=False),
    key("t", "try_out", "Try", "builder.try", "Run a batch through it and open the result in Autograd", show=False),
    key("o", "open", "Open", "builder.open", "Open a model of the namespace as blocks"),
    key("O", "read", "Read", "builder.read", "Run a model once: shapes, time, statistics of each module", show=False),
    key("k", "compare", "Checkpoint", "builder.checkpoint", "Compare a checkpoint with a model", show=False),
    key("n", "new", "New", "builder.new", "Begin a new design; u brings this one back", show=False),
    key("T", "template", "Template", "builder.template", "Begin with an MLP, LeNet, a transformer…", show=False),
    key(
        "shift+right,right_curly_bracket", "scroll_code(1)", "Scroll", "builder.scroll", "Scroll the code", show=False
    ),
    key(
        "shift+left,left_curly_bracket", "scroll_code(-1)", "Scroll", "builder.scroll-back", "Scroll it back",
        show=False,
    ),
    key("escape", "leave", "Back", "builder.back", "End a selection, or moving", show=False),
]  # fmt: skip
