"""A run that was asked for and has not begun: the Training screen says what it waits for, from the first frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from screens.base import BaseScreen
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.messages import StartRun
from tui.protocol.run import RunSpec

if TYPE_CHECKING:
    from screens.run_pane import RunPane

READING = "its record is read …"


def name_of_spec(spec: RunSpec) -> str:
    """Return what a run will be called."""
    return spec.name or Path(spec.experiment or spec.preset).stem


def waits_for(state: str, torch_state: str) -> str:
    """Return what a start waits for: the kernel, torch, or what the run's file makes."""
    if state == "starting":
        return "the kernel is starting …"
    return "torch is being imported …" if torch_state == "importing" else "its file is read and run …"


class TrainingStarting(BaseScreen):
    """The part of the Training screen that has runs begun."""

    _first: RunSpec | None = None  # to train as soon as the screen is there
    _begun: RunSpec | None = None  # asked for, and not answered yet
    _seen_run: str
    _folder: Path | None

    @property
    def pane(self) -> RunPane:
        """What shows the run; the screen's."""
        raise NotImplementedError

    def show_part(self, part: str) -> None:
        """Show one of the screen's parts; the screen's."""
        raise NotImplementedError

    def open_run(self, folder: Path) -> None:
        """Show a run; the screen's."""
        raise NotImplementedError

    def train(self, spec: RunSpec) -> None:
        """Train, as soon as the screen is there."""
        if self.is_attached:
            self.start_run(spec)
        else:
            self._first = spec

    @work(group="start")
    async def start_run(self, spec: RunSpec) -> None:
        """Train; what it waits for is shown meanwhile, a refusal is said and nothing is lost."""
        assert self.session is not None
        self._begun = spec
        self.show_part("run")
        self._say_start()
        await self.session.ready()
        self.show_start()
        try:
            self._seen_run = ""  # what was asked for here is shown
            await self.session.ask(StartRun(spec))
            self._begun = None
            await self.session.read_status()
        except (KernelDied, KernelRefused, TimeoutError) as error:
            self._not_begun(spec, str(error) or "the kernel does not answer")

    def _not_begun(self, spec: RunSpec, reason: str) -> None:
        asked, self._begun = self._begun, None
        self.notify(reason, severity="error", timeout=15, markup=False)
        if asked is None:
            return  # it has begun; its status will come
        self.pane.announce(
            name_of_spec(spec), "it could not be started · o opens another", reason, status="failed"
        )
        if self._folder is not None:
            self.open_run(self._folder)

    def show_start(self) -> None:
        """Bring up to date what a run that was asked for waits for, unless another is looked at meanwhile."""
        if self.pane.is_announced:
            self._say_start()

    def _say_start(self) -> None:
        if self._begun is not None and self.session is not None:
            status = self.session.status
            doing = waits_for(self.session.state, status.torch_state if status is not None else "importing")
            if self.session.state == "dead":
                doing = "the kernel is gone"
            self.pane.announce(name_of_spec(self._begun), doing)
