"""Pause, resume, step, phase and stop: asked by any thread, obeyed by the training thread between two steps.

NOTE [Inside a batch]
After each phase of a batch the training thread reads `Control.phase_pending` and goes on; only where that is set
does it come here, and waits if it is asked to. It never ends inside a batch: asked to stop, it goes on to the end of
the batch and ends there, so that what is kept is the state after a whole step. From a pause inside a batch on it
comes here after every further phase of that batch, since what the user did meanwhile matters to them. Asked to stop
now it ends inside the batch as well, since nothing is kept then.

NOTE [Actions between steps]
What others want to do to a run's objects (another learning rate, a checkpoint, an evaluation) is queued with
`Control.at_step`, and the training thread does it where the state is whole: after the step in work, or at once where
it waits or evaluates. Then it goes on with what it did, waiting included.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from tui.protocol.messages import RunAction


class Stopped(Exception):
    """The run was asked to stop; raised in the training thread where that leaves a whole state behind."""


class StoppedNow(Stopped):
    """The run was asked to end at once: nothing of its state is to be kept."""


Action = Callable[[], None]


class Control:
    """What has been asked of a run."""

    def __init__(self, *, paused: bool = False) -> None:
        self._changed = threading.Condition()
        self._paused = paused
        self._stop = self._stop_now = False
        self._actions: deque[tuple[Action, bool]] = deque()
        self._acting = False  # whether the training thread is doing one of them
        self.on_action_error: Callable[[Exception], None] | None = None
        """Called in the training thread with what an action raises; None: it passes through and ends the run."""
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
            elif action == "stop_now":
                self._stop = self._stop_now = True
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

    def at_step(self, action: Action, *, inside: bool) -> None:
        """Let the training thread do something between two steps; never waits. See NOTE [Actions between steps].

        Those that may be done at the same place are done in the order given, each once; those that still wait when
        the run ends are not done.

        Args:
            action: must be quick, and leave a state that can be trained on.
            inside: whether a pause inside a batch will do as well; else it comes after that batch's step.
        """
        with self._changed:
            self._actions.append((action, inside))
            self._note()
            self._changed.notify_all()

    @property
    def stop_asked(self) -> bool:
        """Whether the run is to end."""
        return self._stop

    @property
    def stop_now_asked(self) -> bool:
        """Whether the run is to end with nothing kept."""
        return self._stop_now

    @property
    def by_phase(self) -> bool:
        """Whether the run is to be paused after each phase."""
        return self._by_phase and self._paused

    @property
    def will_pause(self) -> bool:
        """Whether the run goes on for a step or a phase alone."""
        return self._paused and not self._stop

    @property
    def waits_at_phase(self) -> bool:
        """Whether `at_phase` would wait, or pass one of the phases that were granted."""
        return self.by_phase and not self._stop and not self._in_granted_step

    def after_step(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Do the actions that are queued; wait here while paused, unless a single step or phase was granted.

        Args:
            on_pause: called once before waiting (and again after each granted step or phase).
            on_resume: called once when the run goes on for good.

        Raises:
            Stopped: the run is to end.
        """
        with self._changed:
            self._in_granted_step = self._inside = False
            self._note()
        self._act()
        if self.pending:
            self._wait(on_pause, on_resume)
        self.end_if_asked()

    def at_phase(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused inside a batch. See NOTE [Inside a batch].

        Args:
            on_pause, on_resume: as in `after_step`.

        Raises:
            StoppedNow: the run is to end at once; else it never ends here.
        """
        if self.waits_at_phase:
            with self._changed:
                self._inside = True
                self._note()
            self._wait(on_pause, on_resume)
        if self._stop_now:
            raise StoppedNow

    def during_evaluation(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        """Wait here while paused; an evaluation on the way to the end of a step or phase runs through.

        So does one that is itself an action.

        Raises:
            Stopped: the run is to end.
        """
        self.end_if_asked()
        if not self._in_granted_step and not self.by_phase and not self._acting:
            self.after_step(on_pause, on_resume)

    def end_if_asked(self) -> None:
        """End the run where that is asked for.

        Raises:
            Stopped: it is.
        """
        if self._stop_now:
            raise StoppedNow
        if self._stop:
            raise Stopped

    def _wait(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        if self._paused and not self._stop:
            with self._changed:
                self._told = True
                self._note()
            on_pause()
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news)
                if not self._may_act():
                    told = self._go_on()
                    break
            self._act()
        if told:
            on_resume()

    def _go_on(self) -> bool:
        """Take what was granted; return whether the run is to be told that it goes on for good."""
        if self._stop:
            return False
        if self._paused:
            self._in_granted_step = self._granted_steps > 0
            if self._in_granted_step:
                self._granted_steps -= 1
            else:
                self._granted_phases -= 1
            return False
        told, self._told = self._told, False
        self._note()
        return told

    def _act(self) -> None:
        """Do what is queued, as far as it may be done here."""
        while self._actions and not self._stop:
            with self._changed:
                if not self._may_act():
                    return
                action = self._next_action()
            self._acting = True
            try:
                action()
            except Stopped:
                raise
            except Exception as error:
                if self.on_action_error is None:
                    raise
                self.on_action_error(error)
            finally:
                self._acting = False

    def _next_action(self) -> Action:
        index = next(i for i, (_, inside) in enumerate(self._actions) if inside or not self._inside)
        action, _ = self._actions[index]
        del self._actions[index]
        self._note()
        return action

    def _may_act(self) -> bool:
        return not self._stop and any(inside or not self._inside for _, inside in self._actions)

    def _has_news(self) -> bool:
        return self._may_act() or self._may_go_on()

    def _may_go_on(self) -> bool:
        return self._stop or not self._paused or self._granted_steps > 0 or self._granted_phases > 0

    def _note(self) -> None:
        # A run that is resumed while a granted step is under way, or inside a batch, learns of it after that step.
        self.pending = self._stop or self._paused or self._told or self._inside or bool(self._actions)
        self.phase_pending = self._inside or self.by_phase or self._stop_now
