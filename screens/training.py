"""Training: choose what to train or to look at, follow it live, steer it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import ContentSwitcher

from screens.compare_pane import ComparePane
from screens.run_pane import RunPane
from screens.training_batch import TrainingBatch
from screens.training_export import EXPORT_KEY, TrainingExport
from screens.training_resume import RESUME_KEY, TrainingResume
from screens.training_runs import TrainingRuns
from screens.training_starting import READING, TrainingStarting
from screens.training_steering import TrainingSteering
from screens.training_tune import STEERING, TUNE_KEYS
from tui.client import news
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.messages import RunState
from tui.protocol.run import RunSpec
from tui.run_names import name_in_id
from tui.widgets.keys import key
from tui.widgets.run.entries import PresetEntry
from tui.widgets.run.picker import RunPicker
from tui.widgets.run.view_line import RunView
from tui.widgets.start.view import StartView
from tui.widgets.tune.panel import TunePanel

if TYPE_CHECKING:
    from tui.client.session import KernelSession

STEERED = ("running", "paused")


class TrainingScreen(
    TrainingSteering, TrainingBatch, TrainingRuns, TrainingStarting, TrainingResume, TrainingExport
):
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
            "N", "control('phase')", "Phase", "training.phase",
            "To the next phase: forward, loss, backward, step", show=False,
        ),
        key("s", "control('stop')", "Stop", "training.stop", "Finish the step, save a checkpoint, end the run"),
        *TUNE_KEYS,
        EXPORT_KEY,
        RESUME_KEY,
        key("o", "choose", "Open", "training.open", "Choose a preset to train or a run to look at"),
        key("l", "toggle_log", "Log", "training.log", "More or less of what the run printed"),
        key("1", "view('charts')", "Charts", "training.charts", "The curves of the run", show=False),
        key("2", "view('layers')", "Layers", "training.layers", "Gradients, updates, activations by layer", show=False),
        key("3", "view('evaluation')", "Evaluation", "training.evaluation", "Confusion, worst samples", show=False),
        key("4", "view('health')", "Health", "training.health", "Alerts, a step's time, the machine", show=False),
        key("escape", "back", "Back", "training.back", "From the list back to the run", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        session: KernelSession | None,
        modes: tuple[str, ...],
        *,
        presets: Callable[[], list[PresetEntry]],
        runs_root: Path,
        spec_for: Callable[[Path], RunSpec],
        folder: Path | None = None,
    ) -> None:
        """`presets`: reads the presets there are; `runs_root`: holds the runs; `spec_for`: what to train for a chosen
        preset; `folder`: the run to show at once.
        """
        super().__init__(session, modes)
        self._presets = presets
        self.runs_root = runs_root
        self.spec_for = spec_for
        self._folder = folder
        self._seen_run = ""

    def compose_body(self) -> ComposeResult:
        """Lay out the run and the list."""
        with Horizontal(id="body"):
            with ContentSwitcher(initial="picker"):
                yield RunPane(resumes=self.session is not None, id="run")
                yield RunPicker(with_presets=self.session is not None)
                yield StartView(id="start")
                yield ComparePane(id="compare")
            yield TunePanel(id="tune")

    def on_mount(self) -> None:
        """Show the run that was asked for, else the list."""
        if self._folder is not None:
            self.open_run(self._folder)
        elif self._first is not None:
            self.start_run(self._first)
        else:
            self.action_choose()
            self._adopt_run()

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def pane(self) -> RunPane:
        """What shows the run."""
        return self.query_one(RunPane)

    def open_run(self, folder: Path) -> None:
        """Show a run, and follow it while it grows."""
        self._folder = folder
        self.show_part("run")
        if (own := self.own_run) is not None:
            self.pane.announce(
                name_in_id(folder.name), READING, status=own.status if own.step else "starting"
            )
        self.pane.open(folder, announced=own is not None)
        self.pane.steer(self.own_run)
        self.show_batch()

    def folders_gone(self, folders: Sequence[Path]) -> None:
        """Close the run that was open where it is among them: nothing of it can be gone on with."""
        if self._folder in folders:
            self._folder = None
            self.pane.close()

    @on(RunPane.Shown)
    def run_shown(self, event: RunPane.Shown) -> None:
        """Offer the keys that make sense for it."""
        self.offer_keys()
        self.settle_tuning()

    def on_screen_resume(self) -> None:
        """Show what came while another screen was shown."""
        self.pane.show_run()

    # -- the run of this session ------------------------------------------------------------------

    @property
    def own_run(self) -> RunState | None:
        """The run of our kernel if it is the one shown and neither has ended."""
        session = self.session if self.session is not None and self.session.state != "dead" else None
        run = session.status.run if session is not None and session.status is not None else None
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
        self.show_start()
        match news_item:
            case news.EventHeard(event) if event.kind == "run":
                self.pane.poke()
                self.read_status()
            case news.StatusRead():
                self._adopt_run()
                self._settle()
            case news.KernelEnded():
                self.pane.poke()
                self.show_sweep_line(aloud=True)
                self._settle()

    def _settle(self) -> None:
        """Take how the run is in the kernel, or that it is not there any more."""
        self.settle_asked()
        self.pane.steer(self.own_run)
        self.show_batch()
        self.offer_keys()
        self.settle_tuning()

    def _adopt_run(self) -> None:
        """Show the session's run when it is new to us, wherever it was started.

        The next run of a sweep does not take away the list, or a comparison, from whoever looks at it.
        """
        status = self.session.status if self.session is not None else None
        run = status.run if status is not None else None
        if run is not None and run.id != self._seen_run:
            is_next, self._seen_run = bool(self._seen_run), run.id
            if not (is_next and self.part in ("picker", "compare")):
                self.open_run(Path(run.folder))

    @work(group="status")
    async def read_status(self) -> None:
        """Ask at once how the run is."""
        assert self.session is not None
        try:
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError):
            return

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what makes no sense now; hide what is about something else than what is shown."""
        if self.means_nothing_here(action):
            return False
        if action in ("pause", "control") or action in STEERING:
            return True if self.own_run is not None else None
        if action == "resume":
            return True if self.session is not None and self.own_run is None else None
        return True

    @work(exclusive=True, group="entries")
    async def action_choose(self) -> None:
        """Show the list of presets and runs."""
        self.show_part("picker")
        picker = self.query_one(RunPicker)
        picker.focus_first()
        self.load_runs()
        if self.session is not None:
            picker.show_presets(await asyncio.to_thread(self._presets))

    def back_to_list(self) -> None:
        """Show the list of presets and runs."""
        self.action_choose()

    def action_back(self) -> None:
        """Go from the list back to the run, from what is beside the form to the form."""
        if self.starting:
            self.start_view.focus_form()
            return
        if self._folder is not None or self.pane.is_announced:
            self.action_view(
                self.pane.views.current
            )  # with the focus: else the list, unseen, keeps it and its keys
            self.pane.show_run()

    def action_toggle_log(self) -> None:
        """Show more or less of the log."""
        self.toggle_class("-tall-log")

    def action_view(self, view: RunView) -> None:
        """Show the charts, or what is beside them."""
        self.show_part("run")
        self.pane.views.go_to(view)

    @on(RunPicker.RunChosen)
    def run_chosen(self, event: RunPicker.RunChosen) -> None:
        """Show the chosen run."""
        self.open_run(event.folder)
