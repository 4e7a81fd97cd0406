"""A line to type in, what it may mean below it, and what is known of the one under the cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.builder.questions import Choice, Question
from tui.widgets.drawn.text import Pen
from tui.widgets.foreign import one_line, plain, typed
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.views import BlockList
from tui.widgets.keys import key

TakeKey = Callable[[Key], Awaitable[bool]]
"""Does what a key asks, if it is not for the widget that it came to; returns whether it was done."""
_HARMLESS = r"[^\x00-\x1f\x7f-\x9f]*"
_WIDEST_TITLE = 26
MOST_DETAILS = 12


class Chooser(Vertical):
    """Asks a `Question`; hidden while there is none. What is refused stays to be corrected."""

    DEFAULT_CSS = """
    Chooser { display: none; background: $background; }
    Chooser #chooser-label { height: 1; padding: 0 1; background: $panel; color: $accent; text-style: bold; }
    Chooser #chooser-input { height: 1; border: none; padding: 0 1; background: $surface; }
    Chooser #chooser-input:focus { border: none; background: $surface; }
    Chooser #chooser-problem { height: auto; max-height: 6; padding: 0 1; color: $error; display: none; }
    Chooser #chooser-list { height: 1fr; }
    Chooser #chooser-details { height: auto; max-height: 14; border-top: solid $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "cancel", "Cancel", "builder.choose-cancel", "Leave it as it was"),
        key("up", "move(-1)", "Up", "builder.choose-up", "The choice above", show=False),
        key("down", "move(1)", "Down", "builder.choose-down", "The choice below", show=False),
        key("pageup", "page(-1)", "Page up", "builder.choose-page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "builder.choose-page-down", "One page down", show=False),
        key(
            "tab",
            "complete",
            "Complete",
            "builder.choose-complete",
            "Take the choice into the line",
            show=False,
        ),
    ]

    @dataclass
    class Submitted(Message):
        """Enter was pressed."""

        wish: str
        text: str
        key: str
        """Of the choice under the cursor; empty: there is none."""

    class Closed(Message):
        """It asks nothing any more."""

    def __init__(self, *, take_key: TakeKey | None = None, id: str | None = None) -> None:
        """`take_key` is asked first what to do with a key that comes to the line."""
        super().__init__(id=id)
        self._take_key = take_key
        self._question = Question("", "")
        self._shown: Sequence[Choice] = ()
        self._refused: str | None = None  # what was refused last; None: nothing

    def compose(self) -> ComposeResult:
        """Lay out the label, the line, what is wrong with it, the choices, and what is known of one."""
        yield Static("", id="chooser-label", markup=False)
        yield Line(self._take_key)
        yield Static("", id="chooser-problem", markup=False)
        yield _Choices(id="chooser-list")
        yield _Choices(id="chooser-details")

    @property
    def wish(self) -> str:
        """What is asked for."""
        return self._question.wish

    @property
    def line(self) -> Input:
        """Where it is typed."""
        return self.query_one("#chooser-input", Input)

    @property
    def choices(self) -> BlockList:
        """The list of choices."""
        return self.query_one("#chooser-list", BlockList)

    def ask(self, question: Question) -> None:
        """Ask; the keys are the line's from now on."""
        self._question = question
        self.query_one("#chooser-label", Static).update(plain(question.label))
        self.display = True
        self.line.placeholder = question.placeholder
        self.put(question.value)
        self.refuse("")
        self.app.stylesheet.update(self)  # at once: what is typed next must not go elsewhere
        self.screen.set_focus(self.line)

    def put(self, text: str) -> None:
        """Put a text in the line."""
        with self.line.prevent(Input.Changed):
            self.line.value = typed(text)
        self.line.cursor_position = len(self.line.value)
        self._list()

    def refuse(self, message: str) -> None:
        """Say what is wrong with what was typed, which stays."""
        self._refused = self.line.value if message else None
        self._say(message)

    def _say(self, message: str) -> None:
        problem = self.query_one("#chooser-problem", Static)
        problem.update(plain(message))
        problem.display = bool(message)

    def close(self) -> None:
        """Ask no more."""
        if self.display:
            self.display = False
            self.post_message(self.Closed())

    @property
    def answer(self) -> Submitted:
        """What enter gives now."""
        chosen, text = self.choices.current_key if self._shown else "", self.line.value.strip()
        exact = next((one.key for one in self._shown if text and text in (one.key, one.title)), chosen)
        return self.Submitted(self._question.wish, text, exact)

    def take(self, event: Key) -> bool:
        """Do what a key asks that was on its way when the line opened; return whether it was for the line."""
        if event.key == "escape":
            self.action_cancel()
        elif event.key == "backspace":
            self.line.action_delete_left()
        elif event.character is not None and event.is_printable:
            self.line.insert_text_at_cursor(event.character)
        else:
            return False
        return True

    # -- what is shown ----------------------------------------------------------------------------

    def _list(self) -> None:
        self._shown = self._question.choices(self.line.value)
        shown = self._shown
        titles = min(max((cell_len(one.title) for one in shown), default=0), _WIDEST_TITLE)
        self.choices.display = bool(shown)
        self.choices.show(lambda width: _blocks(shown, titles, width), to_top=True)
        self._details()

    def _details(self) -> None:
        chosen, text, question = (
            self.choices.current_key if self._shown else "",
            self.line.value,
            self._question,
        )
        if self.line.value != self._refused:
            self._say(question.problem(chosen, text) if text else "")
        details = self.query_one("#chooser-details", BlockList)
        lines = question.details(chosen, text, max(self.size.width - 2, 20))
        details.display = bool(lines)
        details.styles.height = min(len(lines), MOST_DETAILS) + 1
        details.show(lambda width: [Block(tuple(question.details(chosen, text, width)))], to_top=True)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._list()

    @on(ItemLines.Highlighted)
    def _passed(self, event: ItemLines.Highlighted) -> None:
        event.stop()
        if event.view is self.choices:
            self._details()

    # -- keys -------------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Go to another choice."""
        self.choices.action_move(step)

    def action_page(self, pages: int) -> None:
        """Go a page on."""
        self.choices.action_page(pages)

    def action_complete(self) -> None:
        """Take the choice under the cursor into the line."""
        choice = next((one for one in self._shown if one.key == self.choices.current_key), None)
        if choice is not None:
            self.put(self._question.completed(self.line.value, choice))

    @on(ItemLines.Chosen)
    def _clicked(self, event: ItemLines.Chosen) -> None:
        event.stop()
        self._submit()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._submit()

    def _submit(self) -> None:
        self.post_message(self.answer)

    def action_cancel(self) -> None:
        """Leave it as it was."""
        self.close()


class Line(Input):
    """The line; keys that came for it in one go with enter are for what is there after it."""

    def __init__(self, take_key: TakeKey | None) -> None:
        super().__init__(compact=True, select_on_focus=False, restrict=_HARMLESS, id="chooser-input")
        self._take_key = take_key

    async def on_key(self, event: Key) -> None:
        """Hand a key over first."""
        if self._take_key is not None and await self._take_key(event):
            event.stop()
            event.prevent_default()


class _Choices(BlockList, can_focus=False):
    """A list that leaves the keys to the line."""


def _blocks(choices: Sequence[Choice], titles: int, width: int) -> list[Block]:
    blocks: list[Block] = []
    group = ""
    for choice in choices:
        if choice.group and choice.group != group:
            blocks.append(Block((Pen().write(f" {one_line(choice.group, width - 1)}", "title").line(),)))
        group = choice.group or group
        pen = Pen().write("   ").write(one_line(choice.title, titles), "strong").pad(titles + 5)
        words = one_line(choice.words, max(width - pen.cells, 1))
        blocks.append(Block((pen.write(words, "dim").line(),), choice.key))
    return blocks
