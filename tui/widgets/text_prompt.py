"""Asks for one line of text, tried at Enter; what is wrong with it is said in place and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.widgets.foreign import clean

Attempt = Callable[[str], str]
"""Tries a text; returns what is wrong with it, empty where it is done."""


class TextPrompt(ModalScreen[str | None]):
    """A question for a line; gives the text once the attempt has succeeded, None where it is left with escape."""

    DEFAULT_CSS = """
    TextPrompt { align: center middle; background: $background 60%; }
    TextPrompt > Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    TextPrompt .text-prompt--title { text-style: bold; color: $primary; }
    TextPrompt Input { margin: 1 0 0 0; }
    TextPrompt #text-prompt-error { color: $text-error; height: auto; display: none; }
    TextPrompt #text-prompt-preview { color: $text-success; height: auto; display: none; }
    TextPrompt #text-prompt-help { color: $text-muted; margin: 1 0 0 0; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="text-prompt.cancel", priority=True)
    ]

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        help: str = "",
        attempt: Attempt,
        preview: Callable[[str], str] | None = None,
    ) -> None:
        """`value`: what stands there already; `help`: what can be typed, in a sentence or two; `preview`: says what a
        text means while it is typed, empty where that is not clear yet.
        """
        super().__init__()
        self._preview = preview
        self._title, self._value, self._help, self._attempt = title, value, help, attempt

    def compose(self) -> ComposeResult:
        """Lay out title, line, what is wrong and help."""
        with Vertical():
            yield Static(clean(self._title), classes="text-prompt--title", markup=False)
            yield Input(self._value, select_on_focus=False)
            yield Static("", id="text-prompt-error", markup=False)
            yield Static("", id="text-prompt-preview", markup=False)
            yield Static(clean(self._help), id="text-prompt-help", markup=False)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Take back what was said of another text; say what this one means."""
        event.stop()
        self.query_one("#text-prompt-error").display = False
        if self._preview is not None:
            meaning = self._preview(event.value)
            line = self.query_one("#text-prompt-preview", Static)
            line.update(clean(meaning))
            line.display = bool(meaning)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Try the text."""
        event.stop()
        wrong = self._attempt(event.value)
        if not wrong:
            self.dismiss(event.value)
            return
        error = self.query_one("#text-prompt-error", Static)
        error.update(clean(wrong))
        error.display = True
        self.query_one("#text-prompt-preview").display = False

    def action_cancel(self) -> None:
        """Leave it."""
        self.dismiss(None)
