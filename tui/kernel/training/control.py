"""Pause, resume, step, phase and stop: asked by any thread, obeyed by the training thread between two steps.

NOTE [Inside a batch]
After each phase of a batch the training thread reads `Control.phase_pending` and goes on; only where that is set
does it come here, and waits if it is asked to. It never ends inside a batch: asked to stop, it goes on to the end of
the batch and ends there, so that what is kept is the state after a whole step. From a pause inside a batch on it
comes here after every further phase of that batch, since what the user did meanwhile matters to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tui.protocol.messages import RunAction


class Stopped(Exception):
    """The run was asked to stop; raised in the training thread where that leaves a whole state behind."""


class Control:
    """What has been asked of a run."""

    def __init__(self, *, paused: bool = False) -> None:
        self._changed = threading.Condition()
        self._paused = paused
        self._stop = False
        self._by_phase = False  # whether a pause is wanted after each phase, not after each step
        self._granted_steps = 0
        self._granted_phases = 0
        self._in_granted_step = False
        self._inside = False  # whether there was a pause in this batch
        self._told = False  # whether the run has been told to be paused, and not yet to go on
        self.pending = paused
        """Whether the training thread has to look here before its next step; a plain read, no lock."""
        self.phase_pending = False
        """Whether it has to look here after the next phase; a plain read, no lock."""

    def ask(self, action: RunAction) -> None:
        """Note a request; never waits for it to take effect."""
        with self._changed:
            if action == "stop":
                self._stop = True
            elif action == "resume":
                self._paused = self._by_phase = False
                self._granted_steps = self._granted_phases = 0
            elif action == "pause":
                self._paused = True
            elif action == "step":
                # Of a running run it means: pause after the current step. Of a paused one: one step more.
                self._granted_steps += self._paused
                self._granted_phases = 0
                self._by_phase = False
                self._paused = True
            elif action == "phase":
                self._granted_phases += self._paused
                self._by_phase = self._paused = True
            self._note()
            self._changed.notify_all()

    @property
    def stop_asked(self) -> bool:
        """Whether the run is to end."""
        return self._stop

    @property
    def by_phase(self) -> bool:
        """Whether the run is to be paused after each phase."""
        return self._by_phase and self._paused

    @property
    def waits_at_phase(self) -> bool:
        """Whether `at_phase` would wait, or pass one of the phases that were granted."""
        return self.by_phase and not self._stop and not self._in_granted_step

    def after_step(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused, unless a single step or phase was granted.

        Args:
            on_pause: called once before waiting (and again after each granted step or phase).
            on_resume: called once when the run goes on for good.

        Raises:
            Stopped: the run is to end.
        """
        with self._changed:
            self._in_granted_step = self._inside = False
            self._note()
        if self.pending:
            self._wait(on_pause, on_resume)
        if self._stop:
            raise Stopped

    def at_phase(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused inside a batch; never ends the run. See NOTE [Inside a batch].

        Args:
            on_pause, on_resume: as in `after_step`.
        """
        if self.waits_at_phase:
            with self._changed:
                self._inside = True
                self._note()
            self._wait(on_pause, on_resume)

    def during_evaluation(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused; an evaluation on the way to the end of a step or phase runs through.

        Raises:
            Stopped: the run is to end.
        """
        if self._stop:
            raise Stopped
        if not self._in_granted_step and not self.by_phase:
            self.after_step(on_pause, on_resume)

    def _wait(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        if self._paused and not self._stop:
            with self._changed:
                self._told = True
                self._note()
            on_pause()
        with self._changed:
            self._changed.wait_for(self._may_go_on)
            if self._stop:
                return
            if self._paused:
                self._in_granted_step = self._granted_steps > 0
                if self._in_granted_step:
                    self._granted_steps -= 1
                else:
                    self._granted_phases -= 1
                return
            told, self._told = self._told, False
            self._note()
        if told:
            on_resume()

    def _may_go_on(self) -> bool:
        return self._stop or not self._paused or self._granted_steps > 0 or self._granted_phases > 0

    def _note(self) -> None:
        # A run that is resumed while a granted step is under way, or inside a batch, learns of it after that step.
        self.pending = self._stop or self._paused or self._told or self._inside
        self.phase_pending = self._inside or self.by_phase
