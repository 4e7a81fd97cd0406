"""What can be done with the row under the cursor, and what the screen is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from tui.widgets import words
from tui.widgets.keys import key
from tui.widgets.variables.order import counted_bytes
from tui.widgets.variables.tree import Entry


class RowActions(Vertical):
    """Turns keys into wishes about the current row, which the screen fulfils."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "open", "Open", "variables.open", "Look at a tensor; unfold or fold anything else"),
        key("v", "view", "View", "variables.view", "Look at the tensor's values", show=False),
        key("d,delete", "delete", "Delete", "variables.delete", "Delete the name (press twice)"),
        key("g", "inspect", "Autograd", "variables.inspect", "Show it on the Autograd screen", show=False),
        key("y", "copy", "Copy", "variables.copy", "Copy the name, as it is typed", show=False),
        key("i", "insert", "Insert", "variables.insert", "Put the name into the input", show=False),
    ]

    @dataclass
    class ViewWanted(Message, namespace="variable_panel"):
        """A tensor is to be looked at."""

        expression: str

    @dataclass
    class InspectWanted(Message, namespace="variable_panel"):
        """A tensor or module is to be shown on the Autograd screen."""

        expression: str

    @dataclass
    class DeleteWanted(Message, namespace="variable_panel"):
        """A variable is to be deleted; the user has confirmed it."""

        name: str

    @dataclass
    class RenameWanted(Message, namespace="variable_panel"):
        """A variable is to be renamed; `new` is a valid name that is free."""

        name: str
        new: str

    @dataclass
    class CopyWanted(Message, namespace="variable_panel"):
        """A path is to be copied."""

        name: str

    @dataclass
    class InsertWanted(Message, namespace="variable_panel"):
        """A path is to be put into the input."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._doomed = ""
        """The name that the next press of the key deletes."""

    @property
    def current(self) -> Entry | None:
        """The row under the cursor; None where there is none, or only a note."""
        raise NotImplementedError

    def warn(self, notice: str) -> None:
        """Say something for the moment; empty: no more."""
        raise NotImplementedError

    def action_toggle_fold(self) -> None:
        """Unfold what is folded, fold what is unfolded."""
        raise NotImplementedError

    def action_open(self) -> None:
        """Look at a tensor; unfold or fold anything else."""
        entry = self.current
        if entry is not None and entry.is_tensor:
            self.post_message(self.ViewWanted(entry.key))
        else:
            self.action_toggle_fold()

    def action_view(self) -> None:
        """Look at the tensor."""
        if self.current is not None:
            self.post_message(self.ViewWanted(self.current.key))

    def action_inspect(self) -> None:
        """Show it on the Autograd screen."""
        if self.current is not None:
            self.post_message(self.InspectWanted(self.current.key))

    def action_copy(self) -> None:
        """Copy the path."""
        if self.current is not None:
            self.post_message(self.CopyWanted(self.current.key))

    def action_insert(self) -> None:
        """Put the path into the input."""
        if self.current is not None:
            self.post_message(self.InsertWanted(self.current.key))

    def action_delete(self) -> None:
        """Delete the variable, at the second press: what took hours to train must not go with a slip."""
        entry = self.current
        if entry is None or entry.row is None or not possible("delete", entry):
            return
        if self._doomed == entry.key:
            self.spare()
            self.post_message(self.DeleteWanted(entry.key))
            return
        self._doomed = entry.key
        size = counted_bytes(entry.row)
        self.warn(f"d again: del {entry.key}" + (f" ({words.size(size)})" if size else ""))

    def spare(self) -> bool:
        """Forget a deletion that waits to be confirmed; return whether there was one."""
        doomed, self._doomed = self._doomed, ""
        if doomed:
            self.warn("")
        return bool(doomed)


def possible(action: str, entry: Entry | None) -> bool:
    """Return whether an action makes sense for a row."""
    if action not in ("open", "view", "inspect", "delete", "rename", "toggle_fold", "copy", "insert"):
        return True
    if entry is None or entry.row is None:
        return False
    match action:
        case "open":
            return entry.is_tensor or bool(entry.fold)
        case "view":
            return entry.is_tensor or entry.row.kind == "array"
        case "inspect":
            return entry.is_tensor or entry.row.kind == "module"
        case "delete" | "rename":
            return entry.depth == 0 and entry.key.isidentifier()  # others can be neither typed nor deleted
        case "toggle_fold":
            return bool(entry.fold)
        case _:
            return True
