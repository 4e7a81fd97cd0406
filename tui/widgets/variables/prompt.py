"""The line above the table in which a filter or a new name is typed."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.foreign import one_line, plain
from tui.widgets.keys import key
from tui.widgets.variables.names import rename_problem

_LABEL_WIDTH = 24
_HARMLESS = r"[^\x00-\x1f\x7f-\x9f]*"
"""What may be typed or pasted: no control characters."""


class LinePrompt(Horizontal):
    """One line, shown while something is typed or a filter holds."""

    DEFAULT_CSS = """
    LinePrompt { display: none; height: 1; background: $surface; }
    LinePrompt.-open { display: block; }
    LinePrompt #prompt-label { width: auto; height: 1; padding: 0 1; color: $accent; text-style: bold; }
    LinePrompt Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
    LinePrompt Input:focus { border: none; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "cancel", "Cancel", "variables.cancel", "Leave the line; a filter ends", show=False),
        key(
            "down", "leave", "To the table", "variables.to-table", "To the table; a filter holds", show=False
        ),
    ]

    @dataclass
    class Filtered(Message):
        """Another filter holds."""

        query: str

    @dataclass
    class Renamed(Message):
        """A new name was given, which can be had."""

        name: str
        new: str

    @dataclass
    class Objected(Message):
        """What is wrong with what is typed; empty: nothing any more."""

        problem: str

    class Left(Message):
        """The user is done with the line; it may still show a filter."""

    def __init__(self) -> None:
        super().__init__()
        self.query_text = ""
        """The filter that holds."""
        self._purpose: Literal["filter", "rename"] = "filter"
        self._variable = ""
        self._names: Container[str] = ()
        self.done = True
        """Whether nothing is being typed."""

    def compose(self) -> ComposeResult:
        """Lay out label and line."""
        yield Static("", id="prompt-label", markup=False)
        yield Input(compact=True, select_on_focus=False, restrict=_HARMLESS, id="prompt-input")

    @property
    def line(self) -> Input:
        """Where it is typed."""
        return self.query_one(Input)

    def ask_filter(self) -> None:
        """Have the filter typed, beginning with the one that holds."""
        self._open("filter")
        self.done = False
        self._focus()

    def ask_name(self, name: str, names: Container[str]) -> None:
        """Have a new name for a variable typed; `names` are taken."""
        self._variable, self._names = name, names
        self._open("rename")
        self.done = False
        self._focus()
        self.line.select_all()

    def end_filter(self) -> None:
        """Show every row again."""
        if self.query_text:
            self.query_text = ""
            self.post_message(self.Filtered(""))
        self._close()

    def take(self, event: Key) -> bool:
        """Do what a key asks that was on its way when the line opened; return whether it is one for the line."""
        if event.key == "enter":
            self._submit(self.line.value.strip())
            return True
        if event.key == "escape":
            self.action_cancel()
            return True
        if event.character is None or not event.is_printable:
            return False
        self.line.replace(event.character, *sorted(self.line.selection))
        return True

    def _open(self, purpose: Literal["filter", "rename"]) -> None:
        self._purpose = purpose
        text = self.query_text if purpose == "filter" else self._variable
        label = "/" if purpose == "filter" else one_line(f"rename {self._variable}", _LABEL_WIDTH) + " →"
        self.query_one("#prompt-label", Static).update(plain(label))
        line = self.line
        line.placeholder = "name, 3x4, float32, cuda…" if purpose == "filter" else ""
        with line.prevent(Input.Changed):
            line.value = text
        line.cursor_position = len(text)
        self.add_class("-open")

    def _focus(self) -> None:
        self.app.stylesheet.update(
            self
        )  # at once, and the focus too: what is typed next must not go to the table
        self.screen.set_focus(self.line)

    def _close(self) -> None:
        """Leave the line; it stays where a filter holds."""
        self.done = True
        self.post_message(self.Objected(""))
        self.post_message(self.Left())
        if self.query_text:
            self._open("filter")
        else:
            self.remove_class("-open")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter at once; say at once what is wrong with a name."""
        event.stop()
        text = event.value.strip()
        if self._purpose == "filter":
            self._filter(text)
        else:
            self.post_message(self.Objected(self._problem(text)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the table; with a new name only if it can be had."""
        event.stop()
        self._submit(event.value.strip())

    def _filter(self, text: str) -> None:
        if text != self.query_text:
            self.query_text = text
            self.post_message(self.Filtered(text))

    def _submit(self, new: str) -> None:
        if self._purpose == "filter":
            self._filter(new)
            self._close()
        elif problem := self._problem(new):
            self.post_message(self.Objected(problem))
        else:
            if new != self._variable:
                self.post_message(self.Renamed(self._variable, new))
            self._close()

    def action_cancel(self) -> None:
        """Leave the line; a filter ends."""
        if self._purpose == "filter":
            self.end_filter()
        else:
            self._close()

    def action_leave(self) -> None:
        """Go on below."""
        if self._purpose == "filter":
            self._close()

    def _problem(self, new: str) -> str:
        return "" if new == self._variable else rename_problem(new, self._names)
