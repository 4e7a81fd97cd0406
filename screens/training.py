"""Training: choose what to train or to look at, follow it live, steer it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, Vertical
from textual.widgets import ContentSwitcher

from screens.base import BaseScreen
from tui.client import news
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.messages import ControlRun, RunAction, RunState, StartRun
from tui.protocol.run import RunSpec
from tui.widgets.chart import Chart, ChartData
from tui.widgets.keys import key
from tui.widgets.pace import terminal_is_behind
from tui.widgets.run.entries import PresetEntry, RunEntry
from tui.widgets.run.header import RunHeader, RunLog
from tui.widgets.run.picker import RunPicker

if TYPE_CHECKING:
    from tui.client.session import KernelSession
    from tui.runs.reader import RunReader

REFRESH_S = 1.0
"""How often a live run is read and shown; a slow terminal makes it less, a change of its status makes it now."""
SLOWEST_REFRESH_S = 3.0
CPU_SHARE = 0.007
"""The part of a core that showing a live run may take from its training: where a picture costs more, it comes less
often."""
CHARTS = 4
STEERED = ("running", "paused")
Entries = tuple[list[PresetEntry], list[RunEntry]]


class TrainingScreen(BaseScreen):
    """One run, live or not, and the list to choose it from."""

    MODE = "training"
    ABOUT = (
        "Train a preset and watch it: loss, metrics, learning rate, gradient norm. Pause, step, stop. "
        "A run of yesterday, or somebody's TensorBoard log, looks the same."
    )
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("p,space", "pause", "Pause", "training.pause", "Pause between two steps, or go on"),
        key("n", "control('step')", "Step", "training.step", "Train the next batch, then pause"),
        key(
            "s", "control('stop')", "Stop", "training.stop", "Finish the step, save a checkpoint, end the run"
        ),
        key("o", "choose", "Open", "training.open", "Choose a preset to train or a run to look at"),
        key("y", "log_y", "Log y", "training.log-y", "Logarithmic y axes, or plain again"),
        key("l", "toggle_log", "Log", "training.log", "More or less of what the run printed"),
        key("]", "charts(1)", "More", "training.next", "The next four charts"),
        key("[", "charts(-1)", "Before", "training.previous", "The four charts before", show=False),
        key("escape", "back", "Back", "training.back", "From the list back to the run", show=False),
    ]

    def __init__(
        self,
        session: KernelSession | None,
        modes: tuple[str, ...],
        *,
        entries: Callable[[], Entries],
        spec_for: Callable[[Path], RunSpec],
        folder: Path | None = None,
    ) -> None:
        """`entries`: reads the presets and the runs there are; `spec_for`: what to train for a chosen preset;
        `folder`: the run to show at once.
        """
        super().__init__(session, modes)
        self._entries = entries
        self._spec_for = spec_for
        self._folder = folder
        self._reader: RunReader | None = None
        self._page = 0
        self._pages = 1
        self._seen_run = ""
        self._log_y = False
        self._refresh_s = REFRESH_S
        self._poke = asyncio.Event()  # set when the run is to be read at once
        self._offered: tuple[object, ...] = ()

    def compose_body(self) -> ComposeResult:
        """Lay out the run and the list."""
        with ContentSwitcher(id="body", initial="picker"):
            with Vertical(id="run"):
                yield RunHeader()
                with Grid(id="charts"):
                    for number in range(CHARTS):
                        yield Chart(id=f"chart-{number}")
                yield RunLog()
            yield RunPicker(with_presets=self.session is not None)

    def on_mount(self) -> None:
        """Show the run that was asked for, else the list."""
        if self._folder is not None:
            self.open_run(self._folder)
        else:
            self.action_choose()
            self._adopt_run()

    # -- what is shown ----------------------------------------------------------------------------

    def open_run(self, folder: Path) -> None:
        """Show a run, and follow it while it grows."""
        self._folder = folder
        self._reader = None
        self._page = 0
        self.query_one(ContentSwitcher).current = "run"
        self.query_one("#chart-0").focus()
        for number, title in enumerate(("loss", "metrics", "lr", "grad_norm")):
            self.query_one(f"#chart-{number}", Chart).show(ChartData(title))
        self.follow(folder)

    @work(exclusive=True, group="follow")
    async def follow(self, folder: Path) -> None:
        """Read the run and show what is new, for as long as it is the one shown."""
        reader = await asyncio.to_thread(_open_reader, folder)
        self._reader = reader
        due = first = True
        while True:
            cpu_s = time.process_time()
            changes = await asyncio.to_thread(reader.poll)
            due = due or bool(changes)
            if due and not changes.more and not terminal_is_behind(self.app):
                due = False
                self.show_run()
                if not first:  # the first picture also pays for imports and a whole history
                    self.call_after_refresh(self._note_cost, cpu_s)
                first = False
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
        reader = self._reader
        if reader is None or self.query_one(ContentSwitcher).current != "run":
            return
        from screens.run_view import chart_of, groups_of, header_of

        header = header_of(reader)
        self.query_one(RunHeader).show_run(header)
        self.query_one(RunLog).show_tail(reader.log.lines)
        groups = groups_of(reader)
        self._pages = max(1, -(-len(groups) // CHARTS))
        self._page = min(self._page, self._pages - 1)
        shown = groups[self._page * CHARTS :][:CHARTS]
        for number in range(CHARTS):
            chart = self.query_one(f"#chart-{number}", Chart)
            data = ChartData("")
            if number < len(shown):
                data = chart_of(reader, shown[number], header.total_steps, log_y=self._log_y)
            chart.show(data)
        self._offer_keys()

    def on_screen_resume(self) -> None:
        """Show what came while another screen was shown."""
        self.show_run()

    def _offer_keys(self) -> None:
        """Have the footer drawn anew, which costs bytes, only where the keys that make sense are others."""
        offered = (self.own_run is not None, self._pages > 1)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    # -- the run of this session ------------------------------------------------------------------

    @property
    def own_run(self) -> RunState | None:
        """The run of our kernel if it is the one shown and has not ended."""
        status = self.session.status if self.session is not None else None
        run = status.run if status is not None else None
        if (
            run is None
            or run.status not in STEERED
            or self._folder is None
            or Path(run.folder) != self._folder
        ):
            return None
        return run

    def on_news(self, news_item: news.News) -> None:
        """Follow the session's run."""
        match news_item:
            case news.EventHeard(event) if event.kind == "run":
                self._poke.set()
                self.read_status()
            case news.StatusRead():
                self._adopt_run()
                self._offer_keys()

    def _adopt_run(self) -> None:
        """Show the session's run when it is new to us, wherever it was started."""
        status = self.session.status if self.session is not None else None
        run = status.run if status is not None else None
        if run is not None and run.id != self._seen_run:
            self._seen_run = run.id
            self.open_run(Path(run.folder))

    @work(group="status")
    async def read_status(self) -> None:
        """Ask at once how the run is."""
        assert self.session is not None
        try:
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError):
            return

    @work(group="start")
    async def start_run(self, spec: RunSpec) -> None:
        """Train; a refusal is said and nothing is lost."""
        assert self.session is not None
        await self.session.ready()
        try:
            await self.session.ask(StartRun(spec))
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError) as error:
            self.notify(
                str(error) or "the kernel does not answer", severity="error", timeout=15, markup=False
            )

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what makes no sense now."""
        if action in ("pause", "control"):
            return True if self.own_run is not None else None
        if action == "charts":
            return True if self._pages > 1 else None
        return True

    def action_pause(self) -> None:
        """Pause the run, or go on with it."""
        run = self.own_run
        if run is not None:
            self.action_control("resume" if run.status == "paused" else "pause")

    @work(group="control")
    async def action_control(self, action: RunAction) -> None:
        """Steer the run."""
        if self.own_run is None or self.session is None:
            return
        try:
            await self.session.ask(ControlRun(action))
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError) as error:
            self.notify(str(error) or "the kernel does not answer", severity="error", markup=False)

    @work(exclusive=True, group="entries")
    async def action_choose(self) -> None:
        """Show the list of presets and runs."""
        self.query_one(ContentSwitcher).current = "picker"
        picker = self.query_one(RunPicker)
        picker.focus_first()
        picker.show_entries(*await asyncio.to_thread(self._entries))

    def action_back(self) -> None:
        """Go from the list back to the run."""
        if self._folder is not None:
            self.query_one(ContentSwitcher).current = "run"
            self.show_run()

    def action_toggle_log(self) -> None:
        """Show more or less of the log."""
        self.toggle_class("-tall-log")

    def action_log_y(self) -> None:
        """Draw the charts on a logarithmic y axis, or on a plain one again."""
        self._log_y = not self._log_y
        self.show_run()

    def action_charts(self, pages: int) -> None:
        """Show the next four charts."""
        self._page = (self._page + pages) % self._pages
        self.show_run()

    @on(RunPicker.PresetChosen)
    def preset_chosen(self, event: RunPicker.PresetChosen) -> None:
        """Train the chosen preset."""
        try:
            spec = self._spec_for(event.path)
        except ValueError as error:  # the preset breaks the contract
            self.notify(
                str(error) or "the kernel does not answer", severity="error", timeout=15, markup=False
            )
            return
        self.start_run(spec)

    @on(RunPicker.RunChosen)
    def run_chosen(self, event: RunPicker.RunChosen) -> None:
        """Show the chosen run."""
        self.open_run(event.folder)


def _open_reader(folder: Path) -> RunReader:
    from tui.runs.reader import RunReader

    return RunReader(folder)
