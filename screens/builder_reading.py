"""A model that was read, or a checkpoint beside a model, over the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from screens.autograd_control import in_words
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.building import Design
from tui.protocol.models import (
    CheckpointCompared,
    CompareCheckpoint,
    Imported,
    ImportModel,
    ModelRead,
    ReadModel,
)
from tui.widgets.builder.chooser import Chooser
from tui.widgets.builder.questions import Question
from tui.widgets.builder.reading import key_blocks, model_blocks, model_head
from tui.widgets.drawn.text import sentence
from tui.widgets.foreign import one_line, plain
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.views import BlockList
from tui.widgets.key_bar import KeyBar
from tui.widgets.keys import key

ASK_TIMEOUT_S = 300.0


class ReadingScreen(Screen[Imported | None]):
    """Rows of what the kernel read; gives a part of the model that is to be taken into the design."""

    ABOUT = "A model as it is: what each module takes and gives, how long it takes, what its parameters are."
    CSS_PATH = "builder.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("i", "input", "Input", "reading.input", "Run it with an input: x, batch[0], (32, 1, 28, 28)"),
        key("r", "again", "Again", "reading.again", "Read it again"),
        key("escape,q", "close", "Back", "reading.back", "Back to the Builder"),
    ]

    def __init__(self, session: KernelSession, request: ReadModel | CompareCheckpoint, why: str = "") -> None:
        """`why`: what has to be said above the rows."""
        super().__init__()
        self.session = session
        self.request = request
        self._why = why
        self._read: ModelRead | CheckpointCompared | None = None
        self._said = ""

    @classmethod
    def of_model(cls, session: KernelSession, expression: str, given: str, why: str) -> ReadingScreen:
        """Return the screen of a model; `given`: what it is run with, empty: it is not run."""
        return cls(session, ReadModel(expression, given), why)

    def compose(self) -> ComposeResult:
        """Lay out title, note, rows and where an input is typed."""
        yield Static("", id="title", markup=False)
        yield Static("", id="note", markup=False)
        yield BlockList(id="rows")
        yield Chooser(id="reading-chooser")
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask at once."""
        self.query_one(BlockList).focus()
        self.action_again()

    @work(exclusive=True, group="read")
    async def action_again(self) -> None:
        """Ask the kernel; what was shown stays until it answers."""
        self._say("reading…")
        try:
            if isinstance(self.request, ReadModel):
                self._read = await self.session.ask(self.request, timeout_s=ASK_TIMEOUT_S)
            else:
                self._read = await self.session.ask(self.request, timeout_s=ASK_TIMEOUT_S)
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self._say(in_words(error))
            return
        self._say("")
        self.query_one(BlockList).show(self._blocks)

    def _say(self, text: str) -> None:
        self._said = text
        read, request = self._read, self.request
        if isinstance(request, ReadModel):
            title = request.expression + (
                f" of {request.input}" if request.input else "  (not run: i runs it)"
            )
        else:
            title = f"{request.path} beside {request.expression or 'no model'}"
        parts = [self._why, text]
        if isinstance(read, ModelRead):
            parts.append(model_head(read, 400))
            parts.append("" if text else "enter takes a module into the design")
        elif isinstance(read, CheckpointCompared):
            parts.append(read.summary + (f" · without the prefix {read.prefix}" if read.prefix else ""))
        self.query_one("#title", Static).update(plain(one_line(title, 300)))
        self.query_one("#note", Static).update(plain("\n".join(filter(None, parts))))

    def _blocks(self, width: int) -> list[Block]:
        if isinstance(self._read, ModelRead):
            return model_blocks(self._read, width)
        if isinstance(self._read, CheckpointCompared):
            return key_blocks(self._read, width)
        return [Block(tuple(sentence(self._said, width)))]

    @on(ItemLines.Chosen, "#rows")
    def take_part(self, event: ItemLines.Chosen) -> None:
        """Take a module into the design."""
        if isinstance(self.request, ReadModel):
            self.take_module(event.key)

    @work(exclusive=True, group="read")
    async def take_module(self, path: str) -> None:
        """Have a module as blocks, and give them to the Builder."""
        try:
            imported = await self.session.ask(ImportModel(path), timeout_s=ASK_TIMEOUT_S)
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self._say(in_words(error))
            return
        self.dismiss(imported)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer an input for a model alone."""
        return isinstance(self.request, ReadModel) if action == "input" else True

    def action_input(self) -> None:
        """Ask what the model is to be run with."""
        if isinstance(self.request, ReadModel):
            label = "run with: a tensor, batch[0], mask, or shapes (32, 1, 28, 28); empty: not at all"
            self.query_one(Chooser).ask(Question("input", label, value=self.request.input))

    @on(Chooser.Submitted)
    def input_given(self, event: Chooser.Submitted) -> None:
        """Run the model with an input."""
        if isinstance(self.request, ReadModel):
            self.request = ReadModel(self.request.expression, event.text)
            self._why = ""
            self.query_one(Chooser).close()
            self.action_again()

    @on(Chooser.Closed)
    def input_asked(self) -> None:
        """Give the keys back to the rows."""
        self.set_focus(self.query_one(BlockList))

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def guess_input(design: Design, batch: int) -> str:
    """Return shapes that a model may be run with: those of the design's inputs; empty where one is not known."""
    if any(one.source for one in design.inputs):
        return ", ".join(
            one.source for one in design.inputs if one.source and not one.source.startswith("preset ")
        )
    shapes = []
    for one in design.inputs:
        sizes = ", ".join(map(str, (batch, *one.shape)))
        shapes.append(
            f"({sizes}{',' if not one.shape else ''})" + ("" if one.dtype == "float32" else f" {one.dtype}")
        )
    return ", ".join(shapes)
