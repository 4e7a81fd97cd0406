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
    """A question with a few answers; escape gives the one that changes nothing."""

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
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel"),
        # All before the button that has the focus, in the order pressed: the focus is behind when keys come fast.
        Binding("right,tab", "move(1)", show=False, priority=True),
        Binding("left,shift+tab", "move(-1)", show=False, priority=True),
        Binding("enter", "give", show=False, priority=True),
    ]

    def __init__(
        self, title: str, text: str, answers: tuple[tuple[str, str], ...], *, cancel: str = ""
    ) -> None:
        """Make it.

        Args:
            title: the question.
            text: what there is to know before it is answered.
            answers: id and label of each button; the first is the default.
            cancel: id of the answer that changes nothing; empty: that is the last one.
        """
        super().__init__()
        self._title, self._text, self._answers = title, text, answers
        self._cancel = cancel or answers[-1][0]
        self._chosen = 0

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
        """Put the chosen answer under the enter key, once the buttons are there."""
        self.call_after_refresh(self._show_chosen)

    def _show_chosen(self) -> None:
        for button in self.query(f"#{self._answers[self._chosen][0]}").results(Button):
            self.set_focus(button)

    def action_move(self, by: int) -> None:
        """Choose the next answer, or the one before."""
        # Counted here, not read from the focus: keys come before the buttons do, and one that got lost would
        # make enter give another answer than the one meant.
        self._chosen = (self._chosen + by) % len(self._answers)
        self._show_chosen()

    def action_give(self) -> None:
        """Give the chosen answer."""
        self.dismiss(self._answers[self._chosen][0])

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Give the answer of the pressed button."""
        self.dismiss(event.button.id or "")

    def action_cancel(self) -> None:
        """Give the answer that changes nothing."""
        self.dismiss(self._cancel)
