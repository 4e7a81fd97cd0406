"""What the batch has done at which our run waits, on the Training screen."""

from __future__ import annotations

from textual import work

from screens.run_pane import RunPane
from screens.training_start import TROUBLE
from screens.training_tune import TrainingTune
from tui.protocol.training import ReadBatch


class TrainingBatch(TrainingTune):
    """The part of the Training screen that tells what a paused run's batch has done."""

    _waits_at: tuple[object, ...] | None = None  # the pause whose batch is shown

    def show_batch(self) -> None:
        """Show what the batch has done at which our run waits; its log again when it goes on."""
        run = self.own_run
        place = (run.id, run.step, run.phase) if run is not None and run.status == "paused" else None
        if place != self._waits_at:
            self._waits_at = place
            if place is None:
                self.query_one(RunPane).show_batch(None)
            else:
                self.read_batch()

    @work(exclusive=True, group="batch")
    async def read_batch(self) -> None:
        """Ask what the batch has done."""
        assert self.session is not None
        try:
            look = await self.session.ask(ReadBatch())
        except TROUBLE:  # it has gone on meanwhile
            return
        if self._waits_at is not None and look.values:
            self.query_one(RunPane).show_batch(look)
