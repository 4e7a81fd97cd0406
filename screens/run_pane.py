"""A run on the Training screen: its header, its charts and its log, followed while it grows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from screens.run_charts import ChartBoard
from screens.run_views import RunViews
from tui.protocol.messages import RunState
from tui.protocol.training import BatchLook
from tui.widgets.pace import terminal_is_behind
from tui.widgets.run.batch_block import BatchBlock
from tui.widgets.run.header import HeaderData, RunHeader, RunLog, header_before_record

if TYPE_CHECKING:
    from tui.runs.reader import RunReader

REFRESH_S = 1.0
"""How often a live run is read and shown; a slow terminal makes it less, a change of its status makes it now."""
SLOWEST_REFRESH_S = 3.0
UNREAD_REFRESH_S = 0.5
"""How often what was read of a long log is shown, as long as there is more to read."""
ROOMY = 26
"""Lines from which on the batch has all of its own beside any view."""
CPU_SHARE = 0.007
"""The part of a core that showing a live run may take from its training: where a picture costs more, it comes less
often."""


class RunPane(Vertical):
    """Shows one run, live or not."""

    DEFAULT_CSS = """
    RunPane {
        height: 1fr;
        &.-enlarged RunHeader, &.-enlarged RunLog, &.-enlarged ViewLine { display: none; }
        &.-beside RunLog { display: none; }
        & BatchBlock { display: none; }
        &.-batch BatchBlock { display: block; }
        &.-batch RunLog, &.-batch.-enlarged BatchBlock { display: none; }
        &.-batch.-beside.-short BatchBlock { height: 3; }
    }
    """

    class Shown(Message):
        """The run has been drawn anew."""

    def __init__(self, *, resumes: bool = False, id: str | None = None) -> None:
        """`resumes`: whether there is a kernel that can go on with a run."""
        super().__init__(id=id)
        self._resumes = resumes
        self.reader: RunReader | None = None
        """What reads the run; None until a folder is open."""
        self.asked = ""
        """What the run is going to do, as soon as its step has ended; empty: go on."""
        self._announced: HeaderData | None = None  # of a run whose record has not been read
        self._own: RunState | None = None
        self._refresh_s = REFRESH_S
        self._poke = asyncio.Event()  # set when the run is to be read at once

    def compose(self) -> ComposeResult:
        """Lay out header, charts and log."""
        yield RunHeader()
        yield RunViews()
        yield RunLog()
        yield BatchBlock()

    def open(self, folder: Path, *, announced: bool = False) -> None:
        """Show a run, and follow it while it grows; `announced`: it is the one that was announced."""
        self.reader = None
        if not announced:
            self._announced = None
        self.views.reset()
        self.views.go_to(self.views.current)
        self.follow(folder)

    def close(self) -> None:
        """Follow no run: its folder is gone."""
        self.workers.cancel_group(self, "follow")
        self.reader = None
        self.views.reset()
        self.query_one(RunLog).show_tail([])

    def announce(self, name: str, doing: str, problem: str = "", *, status: str = "starting") -> None:
        """Show a run that was asked for and has no folder yet: what it waits for, or why there will be none."""
        if self.reader is not None or self._announced is None:
            self.close()
        self._announced = header_before_record(name, status, doing, problem)
        self.show_run()

    @property
    def is_announced(self) -> bool:
        """Whether what is shown has no folder yet."""
        return self._announced is not None and self.reader is None

    def poke(self) -> None:
        """Read the run at once."""
        self._poke.set()

    def show_batch(self, look: BatchLook | None) -> None:
        """Show what the batch has done at which the run waits, in place of the log; None: the log."""
        self.set_class(look is not None, "-batch")
        if look is not None:
            self.query_one(BatchBlock).show_batch(look)

    def steer(self, own: RunState | None) -> None:
        """Take how the run is in the kernel, which knows more than its folder; None where it is not there."""
        before, self._own = self._own, own
        if _place(before) != _place(own):
            self.show_run()

    @property
    def board(self) -> ChartBoard:
        """The charts."""
        return self.views.board

    @property
    def views(self) -> RunViews:
        """The charts and the views beside them."""
        return self.query_one(RunViews)

    def on_resize(self, event: events.Resize) -> None:
        """Where lines are few, leave most of those of the batch to what stands beside the charts."""
        self.set_class(event.size.height < ROOMY, "-short")

    @on(ChartBoard.Enlarged)
    def chart_enlarged(self, event: ChartBoard.Enlarged) -> None:
        """Give one chart all of the room."""
        self.set_class(event.on, "-enlarged")

    @on(RunViews.Switched)
    def view_switched(self, event: RunViews.Switched) -> None:
        """Give the room of the log to what stands beside the charts."""
        self.set_class(event.view != "charts", "-beside")

    @work(exclusive=True, group="follow")
    async def follow(self, folder: Path) -> None:
        """Read the run and show what is new, for as long as it is the one shown."""
        views = self.views
        reader = await asyncio.to_thread(_open_reader, folder)
        self.reader = reader
        due = first = True
        shown_s = time.monotonic()
        while True:
            cpu_s = time.process_time()
            changes = await asyncio.to_thread(reader.poll)
            fresh = await asyncio.to_thread(views.poll, folder)
            due = due or bool(changes) or fresh
            is_time = not changes.more or time.monotonic() - shown_s >= UNREAD_REFRESH_S
            if due and is_time and not terminal_is_behind(self.app):
                due, shown_s = False, time.monotonic()
                self.show_run()
                if not (first or changes.more):  # the first picture also pays for imports and a whole history
                    self.call_after_refresh(self._note_cost, cpu_s)
                first = first and changes.more
            if not changes.more:
                self._poke.clear()
                with contextlib.suppress(TimeoutError):
                    wait_s = self._refresh_s if reader.record.live else 2 * REFRESH_S
                    await asyncio.wait_for(self._poke.wait(), wait_s)

    def _note_cost(self, cpu_before_s: float) -> None:
        """Take what the last picture cost, in processor time, as the price of the next."""
        cost_s = time.process_time() - cpu_before_s
        self._refresh_s = min(SLOWEST_REFRESH_S, max(REFRESH_S, cost_s / CPU_SHARE))

    def show_run(self) -> None:
        """Bring header, charts and log up to date with what has been read."""
        reader = self.reader
        if not self.display or not self.query(RunViews):
            return  # or on its way out
        if self._announced is not None:
            if reader is None or reader.record.info is None:
                self.query_one(RunHeader).show_run(self._announced)
            else:
                self._announced = None
        if reader is None:
            return
        if self._announced is None:
            self._show_header(reader)
        self.query_one(RunLog).show_tail(reader.log.lines)
        self.views.steered = self._own is not None
        self.views.show(reader)
        self.post_message(self.Shown())

    def _show_header(self, reader: RunReader) -> None:
        from screens.run_view import header_of

        header = header_of(reader, resumes=self._resumes)
        if self._own is not None and self._own.phase:
            own = self._own
            header = replace(header, phase=own.phase, batch=own.batch, epoch=own.epoch)
        if self._own is not None and self.asked:
            header = replace(header, note=self.asked)
        elif self._own is not None and not header.step and header.info and header.info.parameters is None:
            header = header_before_record(header.name, "starting", "data and model are being made …")
        self.query_one(RunHeader).show_run(header)


def _place(run: RunState | None) -> tuple[str, str, int, int] | None:
    return None if run is None or not run.phase else (run.id, run.phase, run.epoch, run.batch)


def _open_reader(folder: Path) -> RunReader:
    from tui.runs.reader import RunReader

    return RunReader(folder)
