"""Pausing, going on and stopping on the Training screen, and the keys that matter for the run as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from textual import work

from screens.run_pane import RunPane
from screens.training_keys import KEYS, RESUMABLE, RunSituation, situation
from screens.training_start import TROUBLE, reason
from screens.training_tune import TrainingTune
from tui.protocol.messages import ControlRun, RunAction, RunState

AFTER_STEP: Final[dict[RunAction, str]] = {
    "pause": "pausing after this step",
    "step": "pausing after this step",
    "phase": "pausing after this phase",
    "stop": "stopping after this step, then checkpoint and test · S ends it at once",
}
"""What a run in progress is going to do, by what was asked of it."""
ONE_MORE: Final[dict[RunAction, str]] = {
    "step": "one step …", "phase": "to the next phase …", "stop": AFTER_STEP["stop"],
}  # fmt: skip
"""The same of a run that waits."""
AGAIN: Final = "It is pausing already: it waits once this step has ended, and p then goes on."
ENDING: Final = "It is stopping already, after this step; S ends it at once, without a checkpoint."


@dataclass(frozen=True)
class Asked:
    """What was asked of the run and has not come about."""

    action: RunAction
    of: RunState
    """How the run was then."""
    noted: RunState | None = None
    """How it was when the kernel noted that; None before."""

    @property
    def told(self) -> str:
        """What to say of it; empty where it comes about at once."""
        return (AFTER_STEP if self.of.status == "running" else ONE_MORE).get(self.action, "")

    def holds(self, run: RunState | None) -> bool:
        """Tell whether it is still to come about."""
        if run is None or run.id != self.of.id:
            return False
        if self.action == "stop":
            return True
        if self.of.status == "running":
            # a pause comes with the end of the step in work: where it did not, another terminal let the run go on
            return run.status == "running" and (self.noted is None or run.step <= self.noted.step + 1)
        return _place(run) == _place(self.of)


def _place(run: RunState) -> tuple[str, int, str, int]:
    return run.status, run.step, run.phase, run.batch


class TrainingSteering(TrainingTune):
    """The part of the Training screen that pauses and stops a run."""

    _asked: Asked | None = None
    _offered: tuple[RunSituation, str] | None = (
        None  # for what the keys were offered; None before the first picture
    )

    # -- the keys that matter ---------------------------------------------------------------------

    def bar_keys(self) -> Sequence[tuple[str, str]] | None:
        """Return the keys to show for the run as it is; None where no run is shown."""
        return KEYS[self._situation()] if self.part == "run" else None

    def _situation(self) -> RunSituation:
        own, pane = self.own_run, self.query_one(RunPane)
        reader = pane.reader
        status = reader.record.status if reader is not None else ""
        resumes = False
        if reader is not None and self.session is not None and status in RESUMABLE:
            from screens.run_view import last_checkpoint

            resumes = last_checkpoint(reader) is not None
        return situation(
            own.status if own is not None else "", status, resumes=resumes, starting=pane.is_announced
        )

    def offer_keys(self) -> None:
        """Have the footer drawn anew, which costs bytes, only where the keys that make sense are others."""
        offered = self._situation(), self.part
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    # -- steering ---------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Pause the run, or go on with it; while a pause is still to come, say so and change nothing."""
        run = self.own_run
        if run is None:
            return
        asked = self._asked
        if (
            asked is not None
            and asked.holds(run)
            and (asked.of.status == "running" or asked.action == "stop")
        ):
            self.notify(ENDING if asked.action == "stop" else AGAIN, timeout=4, markup=False)
        else:
            self.action_control("resume" if run.status == "paused" else "pause")

    @work(group="control")
    async def action_control(self, action: RunAction) -> None:
        """Steer the run, and say at once what is going to happen."""
        run = self.own_run
        if run is None or self.session is None:
            return
        asked = Asked(action, run)
        if asked.told:
            self._show_asked(asked)
        try:
            noted = await self.session.ask(ControlRun(action))
            if self._asked is asked:
                self._asked = replace(asked, noted=noted)
            await self.session.read_status()
        except TROUBLE as error:
            self._show_asked(None)
            self.notify(reason(error), severity="error", markup=False)

    def _show_asked(self, asked: Asked | None) -> None:
        self._asked = asked
        pane = self.query_one(RunPane)
        told = asked.told if asked is not None else ""
        if told != pane.asked:
            pane.asked = told
            pane.show_run()
            if told and pane.has_class("-enlarged"):  # its header is not seen
                self.notify(told, timeout=3, markup=False)

    def settle_asked(self) -> None:
        """Take back what was said of a change once it has come about."""
        if self._asked is not None and not self._asked.holds(self.own_run):
            self._show_asked(None)
