"""A line to type in: an expression, a place, what to compare with. What is refused stays to be corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.foreign import plain, typed
from tui.widgets.keys import key

Wish = Literal["view", "go to", "compare"]


@dataclass(frozen=True)
class Field:
    """One thing to type."""

    label: str
    value: str = ""
    placeholder: str = ""
    width: int | None = None
    """In cells; None: what is left."""


class Prompt(Vertical):
    """Asks for one to three texts; hidden while it asks nothing."""

    DEFAULT_CSS = """
    Prompt { height: auto; background: $panel; display: none; }
    Prompt Horizontal { height: 1; }
    Prompt .prompt--label { width: auto; padding: 0 1; color: $accent; text-style: bold; }
    Prompt Input { width: 1fr; }
    Prompt .prompt--error { height: auto; max-height: 4; padding: 0 1; color: $error; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "cancel", "Cancel", "viewer.prompt-cancel", "Leave the line as if nothing was typed"),
        key("tab", "field(1)", "Next", "viewer.prompt-next", "The next thing to type", show=False),
        key("shift+tab", "field(-1)", "Before", "viewer.prompt-before", "The thing before", show=False),
    ]
    MOST_FIELDS = 3

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, wish: Wish, texts: tuple[str, ...]) -> None:
            super().__init__()
            self.wish, self.texts = wish, texts

    class Closed(Message):
        """It asks nothing any more: answered or cancelled."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.wish: Wish = "view"
        """What is asked for."""
        self._fields = 0
        self._refused: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        with Horizontal():
            for number in range(self.MOST_FIELDS):
                yield Static("", classes="prompt--label", id=f"label-{number}", markup=False)
                yield Input(compact=True, id=f"field-{number}", select_on_focus=False)
        yield Static("", classes="prompt--error", markup=False)

    def ask(self, wish: Wish, *fields: Field) -> None:
        """Ask for texts."""
        self.wish, self._fields = wish, len(fields)
        for number in range(self.MOST_FIELDS):
            label, line = (
                self.query_one(f"#label-{number}", Static),
                self.query_one(f"#field-{number}", Input),
            )
            label.display = line.display = number < len(fields)
            if number < len(fields):
                field = fields[number]
                label.update(field.label)
                line.value, line.placeholder = typed(field.value), field.placeholder
                line.cursor_position = len(line.value)
                line.styles.width = "1fr" if field.width is None else field.width
        self.refuse("")
        self.display = True
        self.query_one("#field-0", Input).focus()

    @property
    def texts(self) -> tuple[str, ...]:
        """What stands in the fields."""
        return tuple(self.query_one(f"#field-{number}", Input).value for number in range(self._fields))

    def refuse(self, message: str) -> None:
        """Say what is wrong with what was typed, which stays."""
        self._refused = self.texts
        error = self.query_one(".prompt--error", Static)
        error.update(plain(message))
        error.display = bool(message)

    def close(self) -> None:
        """Ask no more."""
        if self.display:
            self.display = False
            self.post_message(self.Closed())

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Hand over what was typed."""
        event.stop()
        self.post_message(self.Submitted(self.wish, self.texts))

    @on(Input.Changed)
    def forget_error(self, event: Input.Changed) -> None:
        """Take the error away when the text is corrected."""
        event.stop()
        if self.texts != self._refused:
            self.refuse("")

    def action_cancel(self) -> None:
        """Ask no more."""
        self.close()

    def action_field(self, step: int) -> None:
        """Go to the next thing to type, round and round."""
        lines = [self.query_one(f"#field-{number}", Input) for number in range(self._fields)]
        at = next((number for number, line in enumerate(lines) if line.has_focus), 0)
        lines[(at + step) % len(lines)].focus()
