"""Answers about sweeps: one run after the other, of which the kernel keeps one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.kernel.refused import Refused
from tui.protocol.messages import Request, RunState
from tui.protocol.run import RunSpec
from tui.protocol.training import EndSweep, ReadSweep, StartSweep, SweepState

if TYPE_CHECKING:
    from tui.kernel.training import Trainer
    from tui.kernel.training.sweep import Sweep


class SweepRequests:
    """Holds the sweep of one kernel."""

    def __init__(
        self,
        start_run: Callable[[RunSpec], RunState],
        trainer_of: Callable[[], Trainer],
        on_change: Callable[[], None],
    ) -> None:
        """Answer from now on.

        Args:
            start_run: starts a run as if it had been asked for; raises where it is refused.
            trainer_of: returns what trains; it is made when it is first needed.
            on_change: called whenever a run of the sweep has begun or ended.
        """
        self._start_run, self._trainer_of, self._on_change = start_run, trainer_of, on_change
        self._sweep: Sweep | None = None
        self._lock = threading.Lock()

    def handlers(self) -> dict[type[Request[Any]], Callable[[Any], object]]:
        """Return what answers each request."""
        return {StartSweep: self._start, ReadSweep: self._read, EndSweep: self._end}

    @property
    def in_progress(self) -> bool:
        """Whether a run of a sweep trains or waits for its turn."""
        return self._sweep is not None and self._sweep.in_progress

    def end(self) -> None:
        """Let no waiting run begin any more."""
        if self._sweep is not None:
            self._sweep.end()

    def _start(self, request: StartSweep) -> SweepState:
        if not request.specs:
            raise Refused("refused", "a sweep needs at least one run")
        trainer = self._trainer_of()
        from tui.kernel.training.sweep import Sweep

        with self._lock:
            if self.in_progress:
                raise Refused("refused", "a sweep is in progress: end it first, or wait for its last run")
            run = trainer.state()
            if run is not None and run.status in ("running", "paused"):
                raise Refused("refused", f"run {run.id} is still {run.status}: stop it first")
            self._sweep = Sweep(request.name, request.specs, self._start_run, trainer, self._on_change)
            self._sweep.begin()
            return self._sweep.state()

    def _read(self, request: ReadSweep) -> SweepState:
        return self._sweep.state() if self._sweep is not None else SweepState()

    def _end(self, request: EndSweep) -> SweepState:
        self.end()
        return self._read(ReadSweep())
