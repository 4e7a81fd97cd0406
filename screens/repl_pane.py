"""The REPL of the Tensors screen: the transcript of cells above the input, and the talk of both with the session."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from tui import paths
from tui.client import news
from tui.client.errors import KernelRefused
from tui.client.journal import Journal
from tui.client.repl import Repl
from tui.protocol.viewing import ReadPixels, View
from tui.widgets.code_input import CodeInput, History
from tui.widgets.foreign import ansi
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.client.session import KernelSession

STILL_BUSY_S = 2.0
"""How long after an interrupt the screen says that the cell is still busy."""
IMAGE_SIZE = (160, 80)
"""Pixels, at most: two rows of them fit into one of the terminal."""
WELCOME = """\
A Python with torch (also as nn and F) in a process of its own. Type, Enter runs, Tab completes, name? explains.
A tensor is drawn, an operation explained. ctrl+t goes to the cells and the variables; F1 lists the keys; F5 trains."""


_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*|\[[\w\s:,.'\"-]*\])*")


def expression_at(code: str, cursor: int) -> str:
    """Return the name with its attributes and indices that a place in some code is in or right behind.

    Empty where there is none: ``model.fc.weight[0]`` within ``model.fc.weight[0] * 2``.
    """
    return next((m.group() for m in _PATH.finditer(code) if m.start() <= cursor <= m.end()), "")


class ReplPane(Vertical):
    """Cells and the input: runs what is typed and shows what comes of it."""

    DEFAULT_CSS = """
    ReplPane {
        width: 1fr;
        & Transcript { height: 1fr; }
        & CodeInput { height: auto; max-height: 12; }
    }
    """

    @dataclass
    class ViewWanted(Message):
        """A tensor is to be looked at in the viewer."""

        expression: str

    def __init__(self, session: KernelSession, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.repl = Repl(session)
        self.journal = Journal()
        self._session = session
        self._cell_started: dict[str, float] = {}
        self._interrupted_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay out the transcript and the input."""
        yield Transcript(spill=paths.output_dir(), id="transcript")
        yield CodeInput(
            history=History(paths.history_file()),
            check_complete=self.repl.check_complete,
            complete=self.repl.complete,
            inspect=self.repl.inspect,
            signature=self.repl.signature,
            id="input",
        )

    def on_mount(self) -> None:
        """Greet."""
        self.transcript.notice(WELCOME)
        self.input.focus()
        self.run_worker(asyncio.to_thread(paths.forget_old_output), exit_on_error=False)

    @property
    def transcript(self) -> Transcript:
        """The list of cells."""
        return self.query_one(Transcript)

    @property
    def input(self) -> CodeInput:
        """Where code is typed."""
        return self.query_one(CodeInput)

    # -- news -------------------------------------------------------------------------------------

    def on_news(self, news_item: news.News) -> None:
        """Show what the session tells of its cells."""
        self.journal.hear(news_item)
        transcript = self.transcript
        match news_item:
            case news.CellStarted(cell, code, count, ours):
                self._cell_started[cell] = time.monotonic()
                self.input.prompt = f"In [{count + 1}]"
                transcript.start_cell(cell, count, code, ours)
            case news.CellPrinted(cell, stream, text):
                transcript.stream(cell, stream, text)
            case news.CellShowed(cell, data, count):
                transcript.show(cell, data, count)
            case news.CellFailed(cell, kind, message, traceback):
                transcript.fail(cell, kind, message, traceback)
            case news.OutputCleared(cell, wait):
                transcript.clear(cell, wait)
            case news.CellEnded() as ended:
                self._end_cell(ended)
            case news.InputWanted(_, prompt, password):
                self.input.ask(prompt, password=password)
            case news.KernelEnded(reason, log_tail, expected) if not expected:
                transcript.kernel_ended(reason, log_tail)

    def _end_cell(self, ended: news.CellEnded) -> None:
        self._interrupted_at = None
        for page in ended.pages:
            self.transcript.page(ended.cell, page)
        started = self._cell_started.pop(ended.cell, None)
        elapsed_s = 0.0 if started is None else time.monotonic() - started
        self.transcript.end(ended.cell, ended.status, elapsed_s)
        self.input.stop_asking()
        if ended.next_input:
            self.input.restore(ended.next_input)

    # -- cells ------------------------------------------------------------------------------------

    def run(self, code: str) -> bool:
        """Send a cell; before the kernel is up it waits for it. False where the kernel is gone."""
        cell = self.repl.run(code)
        if cell is None:
            self.transcript.notice("The kernel is gone; ctrl+k starts a fresh one.", severity="error")
            return False
        self.transcript.start_cell(cell, None, code)
        return True

    @on(CodeInput.Submitted)
    def run_typed(self, event: CodeInput.Submitted) -> None:
        """Run what was typed; what cannot be run is given back."""
        if not self.run(event.code):
            event.control.restore(event.code)

    @on(Transcript.RerunWanted)
    def run_again(self, event: Transcript.RerunWanted) -> None:
        """Run an earlier cell once more."""
        self.run(event.code)

    @on(Transcript.EditWanted)
    def edit_again(self, event: Transcript.EditWanted) -> None:
        """Take an earlier cell's code into the input."""
        self.put(event.code)

    def put(self, code: str) -> None:
        """Put code into the input in place of what is there, which `undo` brings back, and go there."""
        self.input.put(code)
        self.input.focus()

    def expression_at_cursor(self) -> str:
        """Return the name or path that the cursor of the input is on, else its one line; empty where there is none."""
        code = self.input.text.strip()
        return expression_at(self.input.text, len(self.input.before_cursor)) or ("" if "\n" in code else code)

    @on(CodeInput.Answered)
    def answer_input(self, event: CodeInput.Answered) -> None:
        """Hand a line to the cell that waits in `input()`."""
        self._session.answer_input(event.text)

    @on(CodeInput.HelpFound)
    def show_help(self, event: CodeInput.HelpFound) -> None:
        """Show the help on what stands at the cursor."""
        self.transcript.notice(ansi(event.text))

    @on(Transcript.CopyWanted)
    def copy(self, event: Transcript.CopyWanted) -> None:
        """Put a cell's code or output on the clipboard."""
        self.app.copy_to_clipboard(event.text)
        self.notify(f"Copied the {event.what}", timeout=2)

    @on(Transcript.LeaveWanted)
    def go_to_input(self) -> None:
        """Back to typing."""
        self.input.focus()

    @on(Transcript.ViewWanted)
    def view(self, event: Transcript.ViewWanted) -> None:
        """Pass on which tensor is to be looked at."""
        self.post_message(self.ViewWanted(event.expression))

    @on(Transcript.ImageWanted)
    @work(exclusive=True, group="image")
    async def show_image(self, event: Transcript.ImageWanted) -> None:
        """Draw a cell's tensor as an image under it."""
        columns, rows = IMAGE_SIZE
        request = ReadPixels(View(f"_{event.count}"), columns, rows)
        try:
            self.transcript.show_pixels(event.cell_id, await self._session.ask(request, timeout_s=30))
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.notify(str(error) or "the kernel does not answer", severity="warning", markup=False)

    # -- interrupting -----------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Interrupt the running cell; where none runs, leave the line that is being typed."""
        if self._session.state != "busy":
            self.input.cancel_line()
            return
        self._session.interrupt()
        if self._interrupted_at is None:
            self._interrupted_at = time.monotonic()
            self.set_timer(STILL_BUSY_S, self._still_busy)

    def _still_busy(self) -> None:
        if self._interrupted_at is not None and self._session.state == "busy":
            self.transcript.notice(
                "Still busy: an operation inside C++ or CUDA cannot be interrupted. "
                "Wait for it, or ctrl+k kills the kernel and starts a fresh one.",
                severity="warning",
            )
