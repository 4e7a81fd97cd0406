"""The list of runs on the Training screen: filtered, ordered, labelled, deleted, compared."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from screens.compare_pane import ComparePane
from screens.training_sweeps import TrainingSweeps
from tui.widgets import words
from tui.widgets.dialogs import Question
from tui.widgets.run.picker import RunPicker
from tui.widgets.text_prompt import TextPrompt

if TYPE_CHECKING:
    from screens.run_shelf import RunShelf
    from tui.runs.compare import ComparedRun

FILTER_HELP = (
    "Knobs, metrics, status, device, tag, note, name, sweep, duration with = != < <= > >= ~ (contains); a word alone is"
    " looked for in names, tags and notes. All must hold: lr>=1e-3 status=finished accuracy>0.95. accuracy alone is"
    " val/accuracy, where there is one. Empty shows all."
)
ORDER_HELP = (
    "newest, best, longest, name; or any knob (smallest first) or metric (best first): lr, val/loss, accuracy. With -"
    " before it the other way round: -lr. Runs without it come last."
)
REFRESH_S = 3.0
"""How often the list is read again while it is shown; less often where that takes long."""
MOST_NAMED = 8
"""Runs whose names are told before they are deleted."""
FRESH_S = 300.0
"""A log that was written so short a time ago may still be written: nothing tells whether it is."""
REST = 30
"""How many times as long as reading the list takes one waits before it is read again."""
FIRST_READING_S, READING_S = 0.5, 2.0
"""How long logs are read before the list shows what was found: what is seen first soon, the rest with few bytes."""


class TrainingRuns(TrainingSweeps):
    """What the Training screen does with the list of runs."""

    part: str
    """What is shown: ``picker`` is the list."""
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
        """Show the runs, then read their metrics; both again when something changed, while the list is shown."""
        shelf = await asyncio.to_thread(lambda: self.shelf)
        over = threading.Event()  # a thread outlives the task that waits for it
        try:
            while self.part == "picker":
                begun_s = time.monotonic()
                await self._read_runs(shelf, over)
                took_s = time.monotonic() - begun_s
                await asyncio.sleep(max(REFRESH_S, REST * took_s))
                while self not in self.app.screen_stack and self.part == "picker":
                    await asyncio.sleep(REFRESH_S)
        finally:
            over.set()

    async def _read_runs(self, shelf: RunShelf, over: threading.Event) -> None:
        await asyncio.to_thread(shelf.begin)
        self.show_shelf()
        self.show_sweep_line()
        seconds = FIRST_READING_S
        while shelf.unread and self.part == "picker":
            shelf.take(await asyncio.to_thread(shelf.read_more, seconds, over.is_set))
            self.show_shelf()
            seconds = READING_S

    def show_shelf(self) -> None:
        """Show the runs as they were read last."""
        shelf = self.shelf
        for picker in self.query(RunPicker):  # none where the screen is on its way out
            picker.show_runs(shelf.entries(), shelf.title)

    @on(RunPicker.Acted)
    def run_acted(self, event: RunPicker.Acted) -> None:
        """Do what is wanted with a run, or with the list."""
        event.stop()
        if self._shelf is None:  # not read yet
            return
        match event.action, event.folder:
            case "order", _:
                self.shelf.next_order()
                self._show_anew()
            case "filter", _:
                self.app.push_screen(
                    TextPrompt("Which runs?", self.shelf.filter, help=FILTER_HELP, attempt=self._filtered)
                )
            case "order-by", _:
                self.app.push_screen(
                    TextPrompt("In which order?", self.shelf.order, help=ORDER_HELP, attempt=self._ordered)
                )
            case "mark-all", _:
                self.shelf.mark_all()
                self.show_shelf()
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
        return self._listed_anew(self.shelf.set_filter, text)

    def _ordered(self, text: str) -> str:
        return self._listed_anew(self.shelf.set_order, text)

    def _listed_anew(self, change: Callable[[str], None], text: str) -> str:
        try:
            change(text)
        except ValueError as error:
            return str(error)
        self._show_anew()
        return ""

    def _show_anew(self) -> None:
        self.show_shelf()
        self.query_one(RunPicker).to_top()

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
        shelf = self.shelf
        run = shelf.run_at(folder)
        if run is None:
            return
        text = f"{folder}\nIts curves, checkpoints and log are removed for good."
        if (
            run.record.status == "unknown"
            and (age_s := written_ago_s(folder)) is not None
            and age_s < FRESH_S
        ):
            text += f"\nIt was written {words.duration(age_s)} ago: something may still be writing it."
        marked = shelf.marked_and_shown()
        others = (("delete-marked", f"Delete {len(marked)} marked…"),) if len(marked) > 1 else ()
        answer = await self.app.push_screen_wait(
            Question(
                f"Delete the run {run.record.name}?",
                text,
                (("keep", "Keep"), ("delete", "Delete it"), *others),
                cancel="keep",
            )
        )
        folders = [folder] if answer == "delete" else []
        if answer == "delete-marked" and await self._are_to_go(marked):
            folders = [each.record.folder for each in marked]
        wrong: list[str] = []
        for each in folders:
            try:
                await asyncio.to_thread(shelf.delete, each)
            except ValueError as error:
                wrong.append(str(error))
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            self.notify(f"{wrong[0]}{more}", severity="error", markup=False)
        if folders:
            self.folders_gone(folders)
            self.show_shelf()

    async def _are_to_go(self, runs: Sequence[ComparedRun]) -> bool:
        """Ask whether several runs are to be deleted, all of them named as far as there is room."""
        named = [f"{run.record.name}  {run.record.id}" for run in runs[:MOST_NAMED]]
        if len(runs) > len(named):
            named.append(f"… and {len(runs) - len(named)} more")
        if hidden := len(self.shelf.marked_runs()) - len(runs):
            named.append(f"Kept: {hidden} more marked, which the filter leaves out.")
        text = "\n".join([*named, "Their curves, checkpoints and logs are removed for good."])
        answers = (("keep", "Keep"), ("delete", f"Delete {len(runs)}"))
        question = Question(f"Delete {len(runs)} runs?", text, answers, cancel="keep")
        return await self.app.push_screen_wait(question) == "delete"

    def folders_gone(self, folders: Sequence[Path]) -> None:
        """Let go of runs that were deleted."""

    # -- comparing ----------------------------------------------------------------------------------

    @property
    def compare_pane(self) -> ComparePane:
        """Where runs are compared."""
        return self.query_one(ComparePane)

    @on(ComparePane.Left)
    def comparison_left(self, event: ComparePane.Left) -> None:
        """Show the list again."""
        event.stop()
        self.show_part("picker")
        self.query_one("#runs").focus()
        self.load_runs()

    def _compare(self) -> None:
        runs = self.shelf.marked_runs()
        if len(runs) < 2:
            self.notify("mark at least two runs with the space bar, then press v", markup=False)
            return
        self.show_part("compare")
        self.compare_pane.open(runs)


def written_ago_s(folder: Path) -> float | None:
    """Return how long ago a log was written to, in seconds; None where it has no file."""
    from tui.runs.index import event_files

    times = []
    for _, path in event_files(folder):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(0.0, time.time() - max(times)) if times else None
