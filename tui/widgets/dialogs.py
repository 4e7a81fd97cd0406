"""Questions in front of a screen."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.widgets.foreign import clean


class Question(ModalScreen[str]):
    """A question with a few answers; escape gives the last one, which changes nothing."""

    DEFAULT_CSS = """
    Question { align: center middle; background: $background 60%; }
    Question > Vertical {
        width: 64; max-width: 96%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    Question .question--title { text-style: bold; color: $primary; }
    Question VerticalScroll { height: auto; max-height: 12; margin: 1 0; }
    Question Horizontal { height: auto; align-horizontal: right; }
    Question Button { margin-left: 1; min-width: 10; height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, text: str, answers: tuple[tuple[str, str], ...]) -> None:
        """`answers`: id and label of each button; the first is the default, the last the one that cancels."""
        super().__init__()
        self._title, self._text, self._answers = title, text, answers

    def compose(self) -> ComposeResult:
        """Lay out title, text and buttons."""
        with Vertical():
            yield Static(clean(self._title), classes="question--title", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(clean(self._text), markup=False)
            with Horizontal():
                for number, (answer, label) in enumerate(self._answers):
                    yield Button(label, id=answer, variant="default" if number else "primary")

    def on_mount(self) -> None:
        """Put the default under the enter key, once the buttons are there."""
        self.call_after_refresh(self._focus_default)

    def _focus_default(self) -> None:
        for button in self.query(Button).results():
            button.focus()
            return

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Give the answer of the pressed button."""
        self.dismiss(event.button.id or "")

    def action_cancel(self) -> None:
        """Give the answer that changes nothing."""
        self.dismiss(self._answers[-1][0])
