"""Tensors: a REPL on the left, the variables of the namespace on the right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from screens.base import BaseScreen
from tui import paths
from tui.client import news
from tui.client.errors import KernelRefused
from tui.client.repl import Repl
from tui.protocol.messages import ListVariables, VariableTable
from tui.widgets.code_input import CodeInput, History
from tui.widgets.foreign import ansi, plain
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable
from tui.widgets.transcript import Transcript
from tui.widgets.variable_rows import VARIABLE_COLUMNS, variable_detail, variable_rows, variable_totals

if TYPE_CHECKING:
    from tui.client.session import KernelSession

STILL_BUSY_S = 2.0
"""How long after an interrupt the screen says that the cell is still busy."""
WELCOME = """\
A Python with torch (also as nn and F) in a process of its own. Type, Enter runs, Tab completes, name? explains.
ctrl+c interrupts a cell; F1 lists the keys; F5 trains."""


class TensorsScreen(BaseScreen):
    """The REPL and its variables."""

    MODE = "tensors"
    ABOUT = (
        "Run Python beside torch and see every variable: shape, dtype, device, gradient, memory, statistics."
    )
    CSS_PATH = "tensors.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "ctrl+c", "interrupt", "Interrupt", "tensors.interrupt", "Interrupt the running cell", first=True
        ),
        key("ctrl+t", "switch_focus", "Input/table", "tensors.focus", "From the input to the table and back"),
        key("ctrl+l", "clear_output", "Clear", "tensors.clear", "Clear the output; variables stay"),
        key(
            "ctrl+k",
            "restart_kernel",
            "Restart",
            "tensors.restart",
            "Restart the kernel: all variables are lost",
        ),
        key("pageup", "page(-1)", "Up", "tensors.page-up", "Scroll the output up", show=False),
        key("pagedown", "page(1)", "Down", "tensors.page-down", "Scroll the output down", show=False),
    ]

    def __init__(self, session: KernelSession, modes: tuple[str, ...]) -> None:
        super().__init__(session, modes)
        self.repl = Repl(session)
        self.table: VariableTable | None = None
        self._cell_started: dict[str, float] = {}
        self._interrupted_at: float | None = None

    def compose_body(self) -> ComposeResult:
        """Lay out the REPL and the table."""
        with Horizontal(id="body"):
            with Vertical(id="repl"):
                yield Transcript(id="transcript")
                yield CodeInput(
                    history=History(paths.history_file()),
                    check_complete=self.repl.check_complete,
                    complete=self.repl.complete,
                    inspect=self.repl.inspect,
                    id="input",
                )
            with Vertical(id="variables"):
                yield RecordTable(VARIABLE_COLUMNS, id="variable-table")
                yield Static("", id="variable-detail", markup=False)
                yield Static("no variables yet", id="variable-totals", markup=False)

    def on_mount(self) -> None:
        """Greet, and show what there is already."""
        self.transcript.notice(WELCOME)
        self.query_one(CodeInput).focus()
        if self.repl.session.state in ("idle", "busy"):
            self.refresh_variables()

    def on_screen_resume(self) -> None:
        """Show what a run has changed meanwhile."""
        if self.table is not None:
            self.refresh_variables()

    @property
    def transcript(self) -> Transcript:
        """The list of cells."""
        return self.query_one(Transcript)

    # -- news -------------------------------------------------------------------------------------

    def on_news(self, news_item: news.News) -> None:
        """Show what the session tells."""
        transcript = self.transcript
        match news_item:
            case news.CellStarted(cell, code, count, ours):
                self._cell_started[cell] = time.monotonic()
                self.query_one(CodeInput).prompt = f"In [{count + 1}]"
                transcript.start_cell(cell, count, code, ours)
            case news.CellPrinted(cell, stream, text):
                transcript.stream(cell, stream, text)
            case news.CellShowed(cell, data, count):
                transcript.show(cell, data, count)
            case news.CellFailed(cell, kind, message, traceback):
                transcript.fail(cell, kind, message, traceback)
            case news.OutputCleared(cell, wait):
                transcript.clear(cell, wait)
            case news.CellEnded(cell, status, pages):
                self._end_cell(cell, status, pages)
            case news.InputWanted(_, prompt, password):
                self.query_one(CodeInput).ask(prompt, password=password)
            case news.StateChanged("idle"):
                self.refresh_variables()
            case news.EventHeard(event) if event.kind in ("namespace", "torch"):
                self.refresh_variables()
            case news.StatusRead(status) if status.run is not None and status.run.status == "running":
                if self.app.screen is self:
                    self.refresh_variables()
            case news.KernelEnded(reason, log_tail, expected):
                if not expected:
                    transcript.kernel_ended(reason, log_tail)

    def _end_cell(self, cell: str, status: str, pages: tuple[str, ...]) -> None:
        self._interrupted_at = None
        for page in pages:
            self.transcript.page(cell, page)
        started = self._cell_started.pop(cell, None)
        self.transcript.end(cell, status, 0.0 if started is None else time.monotonic() - started)
        self.query_one(CodeInput).stop_asking()

    # -- variables --------------------------------------------------------------------------------

    @work(exclusive=True, group="variables")
    async def refresh_variables(self) -> None:
        """Ask for the table again; a newer wish takes the place of an older one."""
        try:
            table = await self.repl.session.ask(ListVariables())
        except (KernelRefused, RuntimeError, TimeoutError):
            return  # the kernel is gone or has no torch: the status bar says so
        self.table = table
        self.query_one("#variable-table", RecordTable).show(
            variable_rows(table, self.app.theme_variables["accent"])
        )
        self.query_one("#variable-totals", Static).update(plain(variable_totals(table)))
        self._show_detail()

    @on(RecordTable.Highlighted)
    def _show_detail(self) -> None:
        key = self.query_one("#variable-table", RecordTable).current_key
        row = next((row for row in self.table.rows if row.name == key), None) if self.table else None
        self.query_one("#variable-detail", Static).update(plain(variable_detail(row) if row else ""))

    # -- keys -------------------------------------------------------------------------------------

    @on(CodeInput.Submitted)
    def run_cell(self, event: CodeInput.Submitted) -> None:
        """Send the cell; before the kernel is up it waits for it."""
        cell = self.repl.run(event.code)
        if cell is not None:
            self.transcript.start_cell(cell, None, event.code)
        else:
            self.transcript.notice("The kernel is gone; ctrl+k starts a fresh one.", severity="error")
            event.control.restore(event.code)

    @on(CodeInput.Answered)
    def answer_input(self, event: CodeInput.Answered) -> None:
        """Hand a line to the cell that waits in `input()`."""
        self.repl.session.answer_input(event.text)

    @on(CodeInput.HelpFound)
    def show_help(self, event: CodeInput.HelpFound) -> None:
        """Show the help on what stands at the cursor."""
        self.transcript.notice(ansi(event.text))

    def action_interrupt(self) -> None:
        """Interrupt the running cell; where none runs, leave the line that is being typed."""
        if self.repl.session.state != "busy":
            self.query_one(CodeInput).cancel_line()
            return
        self.repl.session.interrupt()
        if self._interrupted_at is None:
            self._interrupted_at = time.monotonic()
            self.set_timer(STILL_BUSY_S, self._still_busy)

    def _still_busy(self) -> None:
        if self._interrupted_at is not None and self.repl.session.state == "busy":
            self.transcript.notice(
                "Still busy: an operation inside C++ or CUDA cannot be interrupted. "
                "Wait for it, or ctrl+k restarts the kernel.",
                severity="warning",
            )

    def action_page(self, pages: int) -> None:
        """Scroll the output, wherever the focus is."""
        self.transcript.scroll_pages(pages)

    def action_switch_focus(self) -> None:
        """Go from the input to the table and back."""
        table, code = self.query_one(RecordTable), self.query_one(CodeInput)
        (table if code.has_focus else code).focus()

    def action_clear_output(self) -> None:
        """Clear the output."""
        self.transcript.clear_all()

    async def action_restart_kernel(self) -> None:
        """Have the app ask, then restart the kernel."""
        await self.app.run_action("restart_kernel")
