"""How a run is, as it is recorded and told to whoever asks."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Final

from tui.kernel.training.keep.rundir import utc_now
from tui.kernel.training.progress import Progress
from tui.kernel.training.report import Report
from tui.kernel.training.run_plan import RunPlan
from tui.kernel.training.waiting.giving import Giving
from tui.protocol.messages import RunPhase, RunState
from tui.protocol.run import RunError, RunStatus

INSIDE: Final = ("forward", "loss", "backward")
"""Phases after which a batch is not done, and the state not whole."""


class Standing:
    """The status of a run; changed by its thread alone, read by any."""

    def __init__(
        self,
        plan: RunPlan,
        progress: Progress,
        report: Report,
        giving: Giving,
        on_change: Callable[[RunState], None],
    ) -> None:
        self.status: RunStatus = "running"
        self.phase: RunPhase = ""
        self.error: RunError | None = None
        self._plan = plan
        self._progress = progress
        self._report = report
        self._giving = giving
        self._on_change = on_change

    def state(self) -> RunState:
        """Return how the run is; any thread may ask."""
        return RunState(
            id=self._plan.folder.name,
            folder=str(self._plan.folder),
            status=self.status,
            epoch=self._progress.epoch,
            step=self._progress.step,
            error=self.error.message if self.error is not None else "",
            phase=self.phase,
            batch=self._progress.batch + (self.phase in INSIDE),
        )

    def change(self, status: RunStatus, phase: RunPhase = "") -> None:
        """Change the status, in the record first.

        Raises:
            RunDirError: the record cannot be written.
        """
        self._report.note_progress()
        ended = status not in ("running", "paused")
        record = self._plan.record
        record.update(status=status, error=self.error, ended_at=utc_now() if ended else None)
        self._giving.tell_status(status, phase)
        record.write()
        self.status, self.phase = status, phase
        if not ended:
            self.tell()

    def tell(self) -> None:
        """Tell the listener how the run is."""
        try:
            self._on_change(self.state())
        except Exception:  # noqa: BLE001 - the listener's trouble must not end the run
            traceback.print_exc()
