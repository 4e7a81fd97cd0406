"""The runs of a sweep in front of the screen: which had its turn, how it did, what waits, what never began."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from tui.widgets import words
from tui.widgets.foreign import clean, one_line
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from tui.protocol.training import QueuedRun
    from tui.runs.sweeps import ShownSweep

REFRESH_S = 1.0
COLUMNS = ("#", "status", "best", "knobs", "what went wrong")


@dataclass(frozen=True)
class SweepAnswer:
    """What is wanted of a sweep."""

    action: Literal["end", "rest", "show"]
    folder: Path | None = None
    """The run to show."""


class SweepView(ModalScreen[SweepAnswer | None]):
    """Shows a sweep, kept up to date; gives what is wanted of it, None where nothing is."""

    DEFAULT_CSS = """
    SweepView { align: center middle; background: $background 60%; }
    SweepView > Vertical {
        width: 100; max-width: 96%; height: 90%; padding: 0 1; background: $surface; border: round $primary;
    }
    SweepView #sweep-title { text-style: bold; color: $primary; height: auto; max-height: 3; }
    SweepView #sweep-keys { color: $text-muted; height: 1; }
    SweepView RecordTable { background: $surface; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape,W", "leave", "Close", "sweep.leave", "Back to the list"),
        key("x", "end", "End", "sweep.end", "Let none of the waiting runs begin"),
        key("r", "rest", "Rest", "sweep.rest", "Train the runs that never began"),
    ]

    def __init__(
        self,
        read: Callable[[], ShownSweep | None],
        best_of: Callable[[Path], str],
        *,
        can_end: Callable[[ShownSweep], str],
        can_rest: Callable[[ShownSweep], str],
    ) -> None:
        """`read` is called in a thread.

        `best_of`: the main metric of a run in words; `can_end`, `can_rest`: why the sweep cannot be ended, or its rest
        not trained, from here; empty where it can.
        """
        super().__init__()
        self._read, self._best_of = read, best_of
        self._can_end, self._can_rest = can_end, can_rest
        self._sweep: ShownSweep | None = None
        self._told: tuple[str, str] = ("", "")

    def compose(self) -> ComposeResult:
        """Lay out how it stands, its runs, and the keys."""
        with Vertical():
            yield Static("", id="sweep-title", markup=False)
            yield RecordTable(COLUMNS, id="sweep-runs")
            yield Static("", id="sweep-keys", markup=False)

    def on_mount(self) -> None:
        """Follow it."""
        self.query_one(RecordTable).focus()
        self.follow()

    @work(exclusive=True, group="sweep")
    async def follow(self) -> None:
        """Read the sweep and show it, for as long as it is looked at."""
        while True:
            sweep = await asyncio.to_thread(self._read)
            if sweep is not None:
                self._sweep = sweep
                self._show(sweep)  # each time: metrics are read meanwhile
            await asyncio.sleep(REFRESH_S)

    def _show(self, sweep: ShownSweep) -> None:
        keys = ["enter shows a run"]
        if sweep.standing == "running" and sweep.count("waiting"):
            keys.append(self._can_end(sweep) or "x ends it after this run")
        elif sweep.standing != "running" and sweep.unbegun:
            keys.append(self._can_rest(sweep) or f"r trains the {len(sweep.unbegun)} that are left")
        told = f"Sweep: {sweep.line} · {sweep.record.name}", " · ".join([*keys, "esc closes"])
        if told != self._told:
            self._told = told
            self.query_one("#sweep-title", Static).update(clean(told[0]))
            self.query_one("#sweep-keys", Static).update(clean(told[1]))
        rows = [(str(run.number), self._cells(sweep, run)) for run in sweep.record.runs]
        self.query_one(RecordTable).show(rows)

    def _cells(self, sweep: ShownSweep, run: QueuedRun) -> tuple[Text, ...]:
        status: str = run.status
        if sweep.is_unbegun(run) and sweep.standing != "running":
            status = "cut off" if run.folder else "never began"
        knobs = " ".join(f"{name}={words.knob(value)}" for name, value in run.knobs.items())
        best = self._best_of(Path(run.folder)) if run.folder else ""
        dim = "dim" if run.status == "waiting" else ""
        texts = (f"{run.number:>3}", status, best, knobs, run.error)
        widths = (4, 12, 28, 40, 90)
        return tuple(
            Text(one_line(text, width), style=dim, no_wrap=True, end="")
            for text, width in zip(texts, widths, strict=True)
        )

    @on(DataTable.RowSelected)
    def chosen(self, event: DataTable.RowSelected) -> None:
        """Show the run."""
        event.stop()
        if self._sweep is None or event.row_key.value is None:
            return
        run = self._sweep.record.runs[int(event.row_key.value) - 1]
        if run.folder and Path(run.folder).is_dir():
            self.dismiss(SweepAnswer("show", Path(run.folder)))
        else:
            self.notify("its folder is gone" if run.folder else "this run never began", markup=False)

    def action_leave(self) -> None:
        """Close it."""
        self.dismiss(None)

    def action_end(self) -> None:
        """End the sweep."""
        if self._sweep is not None and self._sweep.standing == "running":
            self._answer("end", self._can_end(self._sweep))

    def action_rest(self) -> None:
        """Train what never began."""
        if self._sweep is not None and self._sweep.standing != "running" and self._sweep.unbegun:
            self._answer("rest", self._can_rest(self._sweep))

    def _answer(self, action: Literal["end", "rest"], why_not: str) -> None:
        if why_not:
            self.notify(why_not, severity="warning", markup=False)
        else:
            self.dismiss(SweepAnswer(action))
