"""Where the loop waits: between steps and inside a batch."""

from __future__ import annotations

from functools import partial
from time import perf_counter

import torch

from tui.kernel.training.limits import Limits
from tui.kernel.training.log.phases import FORWARD
from tui.kernel.training.log.recorder import Recorder
from tui.kernel.training.loop_events import LoopEvents
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control, StoppedNow
from tui.kernel.training.trouble.refusals import NotFiniteLoss
from tui.kernel.training.waiting.batch_look import BatchLooks
from tui.kernel.training.waiting.by_hand import Marks, gradient_marks, look_at
from tui.protocol.messages import RunPhase


class Pauses:
    """Brings the log up to date, then waits as long as `Control` has it, and keeps that out of all times."""

    def __init__(
        self,
        experiment: Experiment,
        recorder: Recorder,
        control: Control,
        events: LoopEvents,
        progress: Progress,
        limits: Limits,
    ) -> None:
        self._experiment = experiment
        self._recorder = recorder
        self._control = control
        self._events = events
        self._progress = progress
        self._limits = limits
        self.looks = BatchLooks(experiment.model)
        """What the batch has done, at each pause."""
        self._marks: Marks | None = None  # of the gradients at the first pause inside the batch in work

    def begin_batch(self) -> None:
        """Forget what was seen of the gradients in the batch before."""
        self._marks = None

    def inside(self, phase: RunPhase, timed_as: int) -> None:
        """Wait inside a batch if that is asked for. See NOTE [Inside a batch] in `control`.

        Raises:
            StoppedNow: the run is to end at once.
        """
        if self._control.stop_now_asked:
            raise StoppedNow
        if not self._control.waits_at_phase:
            return
        if self._marks is None:
            self._marks = gradient_marks(self._experiment.model.parameters())
        self._recorder.clock.interrupt(timed_as)
        self._recorder.close_window()
        self.read_losses()
        start_s = perf_counter()
        self._control.at_phase(partial(self._paused, phase), self._events.resumed)
        self._go_on()
        self._limits.waited(perf_counter() - start_s)
        self._recorder.open_window()

    def with_loss(self, loss: torch.Tensor) -> bool:
        """Wait if that is asked for; return whether the backward is not to run: see NOTE [Backward by hand]."""
        self.inside("loss", FORWARD)
        if self._marks is None:
            return False
        is_done, words = look_at(loss, self._experiment.model.parameters(), self._marks)
        if words:
            self._events.meddled(words)
        self._recorder.clock.start()
        return is_done

    def between_steps(self, phase: RunPhase = "") -> None:
        """Do what is asked for between two steps, and wait while paused.

        Raises:
            Stopped: the run is to end.
        """
        self._marks = None
        self._recorder.close_window()
        self.settle()
        start_s = perf_counter()
        self._control.after_step(partial(self._paused, phase), self._events.resumed)
        self._go_on()
        self._limits.waited(perf_counter() - start_s)
        self._recorder.open_window()

    def in_evaluation(self) -> None:
        """Wait while paused in an evaluation, and end it where that is asked for.

        Raises:
            Stopped: the run is to end.
        """
        if self._control.pending:
            start_s = perf_counter()
            self._control.during_evaluation(self._paused, self._events.resumed)
            self.looks.latest = None
            self._limits.waited(perf_counter() - start_s)

    def _paused(self, phase: RunPhase = "") -> None:
        self.looks.take(
            phase, self._progress.step
        )  # before it is told: who hears of the pause asks for the look
        self._events.paused(phase)

    def _go_on(self) -> None:
        self.looks.go_on(self._progress.step, pauses_again=self._control.will_pause)

    def settle(self) -> None:
        """Bring the log up to the last step. This is a sync point."""
        self.read_losses()
        self._progress.epoch_loss = self._recorder.loss_so_far

    def read_losses(self) -> None:
        """Bring the log up to the last loss. This is a sync point.

        Raises:
            NotFiniteLoss: one that had not been read yet was NaN or infinite.
        """
        self._recorder.flush(wait=True)
        if self._recorder.first_not_finite is not None:
            raise NotFiniteLoss(*self._recorder.first_not_finite)
