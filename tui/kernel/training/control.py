"""Pause, resume, step and stop: asked by any thread, obeyed by the training thread between two steps."""

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
        self._granted = 0
        self._in_granted_step = False
        self.pending = paused
        """Whether the training thread has to look here before its next step; a plain read, no lock."""

    def ask(self, action: RunAction) -> None:
        """Note a request; never waits for it to take effect."""
        with self._changed:
            if action == "stop":
                self._stop = True
            elif action == "resume":
                self._paused = False
                self._granted = 0
            elif action == "pause":
                self._paused = True
            elif action == "step":
                # Of a running run it means: pause after the current step. Of a paused one: one step more.
                if self._paused:
                    self._granted += 1
                self._paused = True
            self.pending = self._stop or self._paused
            self._changed.notify_all()

    @property
    def stop_asked(self) -> bool:
        """Whether the run is to end."""
        return self._stop

    def after_step(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused, unless a single step was granted.

        Args:
            on_pause: called once before waiting (and again after each granted step).
            on_resume: called once when the run goes on for good.

        Raises:
            Stopped: the run is to end.
        """
        self._in_granted_step = False
        if not self.pending:
            return
        if self._paused and not self._stop:
            on_pause()
        with self._changed:
            self._changed.wait_for(lambda: self._stop or not self._paused or self._granted > 0)
            if self._stop:
                raise Stopped
            if self._paused:
                self._granted -= 1
                self._in_granted_step = True
                return
        on_resume()

    def during_evaluation(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused; an evaluation that is part of a granted step runs through.

        Raises:
            Stopped: the run is to end.
        """
        if self._stop:
            raise Stopped
        if not self._in_granted_step:
            self.after_step(on_pause, on_resume)
