"""A line to type in with choices under it: which root, which gradient to begin with, which learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.drawn.text import Pen
from tui.widgets.foreign import one_line, plain, typed
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.views import BlockList
from tui.widgets.keys import key

Wish = Literal["open", "backward", "descend", "check"]
MOST_CHOICES = 8


@dataclass(frozen=True)
class Choice:
    """One of the choices."""

    text: str
    """What it puts in the line."""
    words: str = ""
    """What it is."""
    complete: bool = True
    """Whether it can be taken as it is; else there is something to add."""


class AskLine(Vertical):
    """Asks for one line; hidden while it asks nothing. What is refused stays to be corrected."""

    DEFAULT_CSS = """
    AskLine { height: auto; background: $panel; display: none; }
    AskLine Horizontal { height: 1; }
    AskLine #ask-label { width: auto; padding: 0 1; color: $accent; text-style: bold; }
    AskLine Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    AskLine Input:focus { border: none; background: $panel; }
    AskLine #ask-error { height: auto; max-height: 5; padding: 0 1; color: $error; display: none; }
    AskLine #ask-choices { height: auto; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "cancel", "Cancel", "autograd.ask-cancel", "Leave the line as if nothing was typed"),
        key("up", "choice(-1)", "Choice", "autograd.ask-up", "The choice above", show=False),
        key("down", "choice(1)", "Choice", "autograd.ask-down", "The choice below", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """Enter was pressed."""

        wish: Wish
        text: str

    class Closed(Message):
        """It asks nothing any more."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.wish: Wish = "open"
        """What is asked for."""
        self._choices: Sequence[Choice] = ()
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Lay out the line, what is wrong with it, and the choices."""
        with Horizontal():
            yield Static("", id="ask-label", markup=False)
            yield Input(compact=True, select_on_focus=False, id="ask-input")
        yield Static("", id="ask-error", markup=False)
        choices = BlockList(id="ask-choices")
        choices.can_focus = False
        yield choices

    @property
    def line(self) -> Input:
        """Where it is typed."""
        return self.query_one(Input)

    def ask(
        self,
        wish: Wish,
        label: str,
        *,
        value: str = "",
        placeholder: str = "",
        choices: Sequence[Choice] = (),
        refused: str = "",
    ) -> None:
        """Ask; `choices` stand below, those that contain what is typed."""
        self.wish, self._choices = wish, choices
        self.query_one("#ask-label", Static).update(label)
        with self.line.prevent(Input.Changed):
            self.line.value = typed(value)
        self.line.placeholder = placeholder
        self.line.cursor_position = len(self.line.value)
        self.refuse(refused)
        self.display = True
        self._show_choices()
        self.app.stylesheet.update(self)  # at once: what is typed next must not go elsewhere
        self.screen.set_focus(self.line)

    def refuse(self, message: str) -> None:
        """Say what is wrong with what was typed, which stays."""
        self._refused = self.line.value
        error = self.query_one("#ask-error", Static)
        error.update(plain(message))
        error.display = bool(message)

    def close(self) -> None:
        """Ask no more."""
        if self.display:
            self.display = False
            self.post_message(self.Closed())

    def _matching(self) -> list[Choice]:
        text = self.line.value.strip().lower()
        found = [one for one in self._choices if text in f"{one.text} {one.words}".lower()]
        if any(one.text.lower() == text for one in found):
            return list(self._choices)
        return found

    def _show_choices(self) -> None:
        matching = self._matching()
        choices = self.query_one("#ask-choices", BlockList)
        choices.styles.height = min(len(matching), MOST_CHOICES)
        choices.display = bool(matching)
        names = min(max((cell_len(one_line(one.text, 80)) for one in matching), default=0), 40)
        choices.show(lambda width: [_choice_block(one, names, width) for one in matching], to_top=True)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._refused:
            self.refuse("")
        self._show_choices()

    def action_choice(self, step: int) -> None:
        """Go to another choice; it is put in the line."""
        choices = self.query_one("#ask-choices", BlockList)
        if not choices.display:
            return
        if choices.current_key == self.line.value or step < 0:
            choices.action_move(step)
        self._take(choices.current_key)

    def _take(self, text: str) -> None:
        with self.line.prevent(Input.Changed):
            self.line.value = text
        self.line.cursor_position = len(text)

    @on(ItemLines.Chosen, "#ask-choices")
    def _choice_clicked(self, event: ItemLines.Chosen) -> None:
        event.stop()
        self._take(event.key)
        self._submit()

    @on(ItemLines.Highlighted, "#ask-choices")
    def _passed(self, event: ItemLines.Highlighted) -> None:
        event.stop()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.line.value.strip() and self._choices:
            self._take(self.query_one("#ask-choices", BlockList).current_key)
        self._submit()

    def _submit(self) -> None:
        text = self.line.value.strip()
        chosen = next((one for one in self._choices if one.text == text), None)
        if chosen is not None and not chosen.complete:
            self._take(f"{text} ")
            self.refuse(chosen.words)
            return
        self.post_message(self.Submitted(self.wish, text))

    def action_cancel(self) -> None:
        """Ask no more."""
        self.close()


def _choice_block(choice: Choice, names: int, width: int) -> Block:
    pen = Pen().write("   ").write(one_line(choice.text, names), "strong").pad(names + 5)
    room = max(width - pen.cells, 1)
    return Block((pen.write(one_line(choice.words, room), "dim").line(),), choice.text)
