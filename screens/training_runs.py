"""The list of runs on the Training screen: filtered, ordered, labelled, deleted, compared; and sweeps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from screens.base import BaseScreen
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.preset import PresetError, PresetInfo, read_preset
from tui.protocol.run import KnobValue, RunSpec
from tui.protocol.training import StartSweep
from tui.widgets.dialogs import Question
from tui.widgets.run.picker import RunPicker
from tui.widgets.text_prompt import TextPrompt

if TYPE_CHECKING:
    from screens.compare_pane import ComparePane
    from screens.run_shelf import RunShelf

FILTER_HELP = (
    "Knobs, metrics, status, device, tag, name, sweep with = != < <= > >= ~ ; a word alone is looked for in names, tags"
    " and notes. All must hold: lr>=1e-3 status=finished accuracy>0.95. Empty shows all."
)
SWEEP_HELP = (
    "A grid: lr=1e-4,1e-3,1e-2 batch_size=16,64 (every combination). At random: random=20 lr=1e-5..1e-1. The runs are"
    " trained one after the other in the kernel, whether anybody watches or not."
)
FIRST_READING_S, READING_S = 0.5, 2.0
"""How long logs are read before the list shows what was found: what is seen first soon, the rest with few bytes."""


class TrainingRuns(BaseScreen):
    """What the Training screen does with the list of runs."""

    runs_root: Path
    """The folder that holds the runs."""
    spec_for: Callable[[Path], RunSpec]
    """Makes the spec of a preset."""
    part: str
    """What is shown: ``picker`` is the list."""
    _seen_run: str = ""
    """The session's run that was shown last, by its id; empty: the next one is shown whatever is shown now."""
    _shelf: RunShelf | None = None

    def show_part(self, part: str) -> None:
        """Show one of the screen's parts: the list, the form, a run, a comparison."""
        raise NotImplementedError

    @property
    def shelf(self) -> RunShelf:
        """The runs; made when they are first looked at, since it imports numpy."""
        if self._shelf is None:
            from screens.run_shelf import RunShelf

            self._shelf = RunShelf(self.runs_root)
        return self._shelf

    @work(exclusive=True, group="shelf")
    async def load_runs(self) -> None:
        """Show the runs, then read their metrics for as long as the list is shown."""
        shelf = await asyncio.to_thread(lambda: self.shelf)
        over = threading.Event()  # a thread outlives the task that waits for it
        try:
            await asyncio.to_thread(shelf.begin)
            self.show_shelf()
            seconds = FIRST_READING_S
            while shelf.unread and self.part == "picker":
                shelf.take(await asyncio.to_thread(shelf.read_more, seconds, over.is_set))
                self.show_shelf()
                seconds = READING_S
        finally:
            over.set()

    def show_shelf(self) -> None:
        """Show the runs as they were read last."""
        shelf = self.shelf
        self.query_one(RunPicker).show_runs(shelf.entries(), shelf.title)

    @on(RunPicker.Acted)
    def run_acted(self, event: RunPicker.Acted) -> None:
        """Do what is wanted with a run, or with the list."""
        event.stop()
        if self._shelf is None:  # not read yet
            return
        match event.action, event.folder:
            case "order", _:
                self.shelf.next_order()
                self.show_shelf()
            case "filter", _:
                self.app.push_screen(
                    TextPrompt("Which runs?", self.shelf.filter, help=FILTER_HELP, attempt=self._filtered)
                )
            case "compare", _:
                self._compare()
            case "mark", Path() as folder:
                self.shelf.mark(folder)
                self.show_shelf()
            case "delete", Path() as folder:
                self._ask_to_delete(folder)
            case ("tags" | "notes") as what, Path() as folder:
                self._ask_for_label(what, folder)

    def _filtered(self, text: str) -> str:
        try:
            self.shelf.set_filter(text)
        except ValueError as error:
            return str(error)
        self.show_shelf()
        return ""

    def _ask_for_label(self, what: str, folder: Path) -> None:
        run = self.shelf.run_at(folder)
        if run is None:
            return
        tags = what == "tags"
        value = " ".join(run.labels.tags) if tags else run.labels.notes

        def attempt(text: str) -> str:
            try:
                (self.shelf.set_tags if tags else self.shelf.set_notes)(folder, text)
            except ValueError as error:
                return str(error)
            self.show_shelf()
            return ""

        title = f"{'Tags' if tags else 'Note'} of {run.record.name}"
        help = (
            "Words with spaces between them; tag=good in the filter finds them."
            if tags
            else "Shown in the list."
        )
        self.app.push_screen(TextPrompt(title, value, help=help, attempt=attempt))

    @work(group="delete")
    async def _ask_to_delete(self, folder: Path) -> None:
        run = self.shelf.run_at(folder)
        if run is None:
            return
        text = f"{folder}\nIts curves, checkpoints and log are removed for good."
        answers = (("keep", "Keep"), ("delete", "Delete"), ("cancel", "Cancel"))
        if (
            await self.app.push_screen_wait(Question(f"Delete the run {run.record.name}?", text, answers))
            != "delete"
        ):
            return
        try:
            await asyncio.to_thread(self.shelf.delete, folder)
        except ValueError as error:
            self.notify(str(error), severity="error", markup=False)
        self.show_shelf()

    # -- comparing ----------------------------------------------------------------------------------

    @property
    def compare_pane(self) -> ComparePane:
        """Where runs are compared."""
        from screens.compare_pane import ComparePane

        return self.query_one(ComparePane)

    def _compare(self) -> None:
        runs = self.shelf.marked_runs()
        if len(runs) < 2:
            self.notify("mark at least two runs with the space bar, then press v", markup=False)
            return
        self.show_part("compare")
        self.compare_pane.open(runs)

    # -- sweeps -------------------------------------------------------------------------------------

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
            wrong, runs = _planned(text, preset)
            if not wrong:
                self.start_sweep(f"{preset.name} {' '.join(text.split())}", spec, runs)
            return wrong

        help = f"{SWEEP_HELP}\nKnobs: {knobs}"
        self.app.push_screen(TextPrompt(f"Sweep {preset.name}", help=help, attempt=attempt))

    @work(group="sweep")
    async def start_sweep(self, name: str, spec: RunSpec, runs: tuple[dict[str, KnobValue], ...]) -> None:
        """Train a preset with each of some knobs."""
        assert self.session is not None
        specs = tuple(replace(spec, knobs={**spec.knobs, **knobs}) for knobs in runs)
        try:
            await self.session.ready()
            self._seen_run = ""  # its first run is shown
            await self.session.ask(StartSweep(name, specs))
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError) as error:
            self.notify(
                str(error) or "the kernel does not answer", severity="error", timeout=15, markup=False
            )
            return
        self.notify(f"{len(specs)} runs, one after the other; they go on without this terminal", markup=False)


def _planned(text: str, preset: PresetInfo) -> tuple[str, tuple[dict[str, KnobValue], ...]]:
    """Return what is wrong with a sweep as typed, else its runs."""
    from tui.runs.sweep_plan import SweepError, plan_sweep

    try:
        return "", plan_sweep(text, preset)
    except (SweepError, PresetError) as error:
        return str(error), ()
