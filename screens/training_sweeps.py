"""Sweeps on the Training screen: planned as they are typed, watched, ended, and gone on with after a kernel's death."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from screens.base import BaseScreen
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.preset import PresetError, PresetInfo, read_preset
from tui.protocol.run import KnobValue, RunSpec
from tui.protocol.training import EndSweep, StartSweep
from tui.widgets.run.picker import RunPicker
from tui.widgets.text_prompt import TextPrompt

if TYPE_CHECKING:
    from screens.run_shelf import RunShelf
    from tui.runs.sweeps import ShownSweep

SWEEP_HELP = (
    "A grid: lr=1e-4,1e-3,1e-2 batch_size=16,64 (every combination). At random: random=20 lr=1e-5..1e-1. The runs are"
    " trained one after the other in the kernel, whether anybody watches or not."
)
TROUBLE = (KernelDied, KernelRefused, TimeoutError)


class TrainingSweeps(BaseScreen):
    """The part of the Training screen that has to do with sweeps. The screen gives the rest."""

    runs_root: Path
    """The folder that holds the runs."""
    spec_for: Callable[[Path], RunSpec]
    """Makes the spec of a preset."""
    _seen_run: str = ""
    """The session's run that was shown last, by its id; empty: the next one is shown whatever is shown now."""

    @property
    def shelf(self) -> RunShelf:
        """The runs; the screen's."""
        raise NotImplementedError

    def open_run(self, folder: Path) -> None:
        """Show a run; the screen's."""
        raise NotImplementedError

    @on(RunPicker.SweepWanted)
    def sweep_wanted(self, event: RunPicker.SweepWanted) -> None:
        """Ask over which knobs."""
        event.stop()
        try:
            preset = read_preset(event.path)
            spec = self.spec_for(event.path)
        except ValueError as error:  # the preset breaks the contract
            self.notify(str(error), severity="error", markup=False)
            return
        knobs = " ".join(f"{knob.name}={knob.default}" for knob in preset.knobs)

        def attempt(text: str) -> str:
            wrong, runs = planned(text, preset)
            if not wrong:
                specs = tuple(replace(spec, knobs={**spec.knobs, **knobs}) for knobs in runs)
                self.start_sweep(f"{preset.name} {' '.join(text.split())}", specs)
            return wrong

        help = f"{SWEEP_HELP}\nKnobs: {knobs}"

        def preview(text: str) -> str:
            count = len(planned(text, preset)[1])
            return f"that is {count} run{'s' if count > 1 else ''}" if count else ""

        title = f"Sweep {preset.name}"
        self.app.push_screen(TextPrompt(title, help=help, attempt=attempt, preview=preview))

    @work(group="sweep")
    async def start_sweep(self, name: str, specs: tuple[RunSpec, ...]) -> None:
        """Train one after the other; the first of them is shown."""
        assert self.session is not None
        try:
            await self.session.ready()
            self._seen_run = ""  # its first run is shown
            await self.session.ask(StartSweep(name, specs))
            await self.session.read_status()
        except TROUBLE as error:
            self._say_trouble(error)
            return
        runs = "1 run" if len(specs) == 1 else f"{len(specs)} runs, one after the other; they go"
        self.notify(f"{runs} on without this terminal" if len(specs) > 1 else runs, markup=False)

    def _say_trouble(self, error: Exception) -> None:
        text = str(error) or "the kernel does not answer"
        self.notify(text, severity="error", timeout=15, markup=False)

    # -- a sweep there is -----------------------------------------------------------------------------

    @work(exclusive=True, group="sweep-line")
    async def show_sweep_line(self, *, aloud: bool = False) -> None:
        """Say over the list how the newest sweep stands, while it is in progress or has runs that never began.

        Args:
            aloud: whether to say of runs that never began in front of whatever is shown.
        """
        from tui.runs.sweeps import newest_sweep

        sweep = await asyncio.to_thread(newest_sweep, self.runs_root)
        if not self.query(RunPicker):
            return  # the screen is on its way out
        told = sweep is not None and sweep.standing in ("running", "lost")
        self.query_one(RunPicker).show_sweep(
            f"Sweep (W): {sweep.line} · {sweep.record.name}" if sweep and told else ""
        )
        if aloud and sweep is not None and sweep.standing == "lost":
            text = f"Sweep: {sweep.line}. o, then W, shows it and can train the rest"
            self.notify(text, severity="warning", timeout=15, markup=False)

    @on(RunPicker.SweepRunsWanted)
    def sweep_runs_wanted(self, event: RunPicker.SweepRunsWanted) -> None:
        """Show the newest sweep."""
        event.stop()
        self.look_at_sweep()

    @work(exclusive=True, group="sweep-view")
    async def look_at_sweep(self) -> None:
        """Show the newest sweep, and do what is wanted of it."""
        from screens.sweep_view import SweepView
        from tui.runs.sweeps import newest_sweep

        sweep = await asyncio.to_thread(newest_sweep, self.runs_root)
        if sweep is None:
            self.notify("there is no sweep yet: w on a preset begins one", markup=False)
            return
        view = SweepView(
            lambda: newest_sweep(self.runs_root),
            self._best_of,
            can_end=self._why_not_end,
            can_rest=self._why_not_rest,
        )
        answer = await self.app.push_screen_wait(view)
        if answer is None:
            return
        if answer.action == "show" and answer.folder is not None:
            self.open_run(answer.folder)
            return
        sweep = await asyncio.to_thread(newest_sweep, self.runs_root)
        if sweep is None:
            return
        if answer.action == "rest":
            self.start_sweep(sweep.record.name, sweep.unbegun)
        elif answer.action == "end":
            await self._end_sweep()

    async def _end_sweep(self) -> None:
        assert self.session is not None
        try:
            state = await self.session.ask(EndSweep())
        except TROUBLE as error:
            self._say_trouble(error)
            return
        never = sum(run.status == "stopped" and not run.folder for run in state.runs)
        self.notify(f"the sweep ends with the run in progress; {never} will not begin", markup=False)
        self.show_sweep_line()

    def _why_not_end(self, sweep: ShownSweep) -> str:
        from tui.runs.sweeps import session_of

        info = self.session.info if self.session is not None else None
        if info is not None and info.pid == sweep.record.pid:
            return ""
        session = session_of(sweep)
        return f"`torchtui attach {session}` can end it" if session else "another kernel trains it"

    def _why_not_rest(self, sweep: ShownSweep) -> str:
        if self.session is None:
            return "a session can train the rest: open torchtui, not `torchtui watch`"
        gone = next((spec.preset for spec in sweep.unbegun if not Path(spec.preset).is_file()), "")
        if gone:
            return f"the rest cannot be trained: {gone} is gone"
        return "the kernel is gone: restart it first" if self.session.state == "dead" else ""

    def _best_of(self, folder: Path) -> str:
        """Return how well a run did, in words; empty where it is not read yet."""
        from screens.run_shelf import best_text

        run = self.shelf.run_at(folder)
        return best_text(run) if run is not None else ""


def planned(text: str, preset: PresetInfo) -> tuple[str, tuple[dict[str, KnobValue], ...]]:
    """Return what is wrong with a sweep as typed, else its runs."""
    from tui.runs.sweep_plan import SweepError, plan_sweep

    try:
        return "", plan_sweep(text, preset)
    except (SweepError, PresetError) as error:
        return str(error), ()
