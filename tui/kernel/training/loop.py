"""The training loop: epochs, steps, and the places where it can be paused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from tui.kernel.torch_private import FREEING_GRADIENTS
from tui.kernel.training.batches import batch_size, mover
from tui.kernel.training.between_batches import Evaluations, start_epoch, step_scheduler
from tui.kernel.training.courses import Course, course_of
from tui.kernel.training.forward import Forward
from tui.kernel.training.groups import Group, closure_step
from tui.kernel.training.keep.randomness import generators_of
from tui.kernel.training.limits import Limits
from tui.kernel.training.log.phases import BACKWARD, DATA, FORWARD, OPTIMIZER
from tui.kernel.training.log.recorder import Recorder
from tui.kernel.training.log.trainmetrics import TrainMetrics
from tui.kernel.training.loop_events import LoopEvents
from tui.kernel.training.parts.experiment import Experiment, batches_in
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control, Stopped, StoppedNow
from tui.kernel.training.trouble.refusals import LoopError, NotFiniteLoss, no_batches
from tui.kernel.training.update import Update
from tui.kernel.training.views.board import Views
from tui.kernel.training.waiting.pauses import Pauses
from tui.protocol.run import RunSettings
from tui.protocol.training import BatchLook

__all__ = ["Loop", "LoopError", "NotFiniteLoss"]


class Loop:
    """Trains an experiment for so many epochs, steps or minutes."""

    LOOK_INTERVAL_S = 0.25
    """How often it is looked whether a checkpoint is due."""

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        recorder: Recorder,
        control: Control,
        events: LoopEvents,
        progress: Progress,
        epochs: int,
        settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
        views: Views | None = None,
    ) -> None:
        self.experiment = experiment
        self.progress = progress
        self.device = device
        self.needs_closure = experiment.needs_closure
        """Whether the optimizer evaluates the loss itself, several times a step: then a step has no phases."""
        self.update = Update(experiment, settings.clip_norm, experiment.scaler)
        self.course: Course | None = course_of(settings, experiment, epochs)
        """What a run of another kind than ``train`` looks for."""
        self._device = device
        self._recorder = recorder
        self._control = control
        self._events = events
        self._epochs = epochs
        self._accumulate = settings.accumulate
        self._steps_per_epoch = batches_in(experiment.train)
        self._generators = generators_of([experiment.train])
        self._move = mover(device)
        self._metrics = TrainMetrics(experiment, device) if experiment.metrics is not None else None
        self._limits = limits = Limits(settings, progress.train_s, course=self.course)
        self._look_at_s = 0.0
        self._verdict = ""  # the last that was told
        self._pauses = pauses = Pauses(experiment, recorder, control, events, progress, limits)
        self.forward = Forward(
            experiment,
            device,
            control,
            events,
            pauses,
            self.update,
            progress,
            recorder.layers,
            casts=settings.precision != "float32",
            has_phases=not self.needs_closure,
        )
        pauses.looks.of = self.forward
        self._group = Group(recorder, control, progress, pauses, self.forward, self.update, self._move)
        self._group.planned, self._group.per_epoch = settings.accumulate, self._steps_per_epoch
        self.evaluations = Evaluations(
            experiment,
            device,
            recorder,
            events,
            progress,
            pauses,
            self.forward,
            self._generators,
            views,
            self._is_last_epoch,
        )

    @property
    def loss(self) -> torch.Tensor | None:
        """The last batch's loss, with its graph; None before there is one."""
        return self.forward.loss

    @property
    def look(self) -> BatchLook | None:
        """What the last batch has done, as it was when the pause began; None while it trains."""
        return self._pauses.looks.latest

    @property
    def output(self) -> Any:
        """What the model made of the last batch."""
        return self.forward.output

    @property
    def batch(self) -> Any:
        """The last batch, on the run's device."""
        return self.forward.batch

    def run(self) -> None:
        """Train to the end, then evaluate the test set.

        Raises:
            Stopped: the run was asked to stop; progress and state are whole.
            StoppedNow: the run was asked to end at once; the state may be that of half a step.
            NotFiniteLoss: a loss was NaN or infinite.
            LogWriteError: the log cannot be written.
            Exception: whatever the experiment raises.
        """
        if self.course is not None:
            self._recorder.on_losses = self.course.losses
        try:
            with self.forward:
                self._run()
        except StoppedNow:
            raise
        except Stopped:
            self.evaluations.show(last=True)
            raise
        except NotFiniteLoss as error:
            if self.course is None or not self.course.may_explode:
                raise
            self.course.losses([error.step], [math.nan])
        finally:
            self.update.close()
        if self.course is not None:
            self.course.end()
            self._tell_verdict(self.course)

    def _run(self) -> None:
        if self.progress.epoch_loss is not None:
            self._recorder.continue_mean(*self.progress.epoch_loss)
        if self._control.pending:
            self._pauses.between_steps()
        while not self._is_over():
            if self._epoch():
                break
        self.evaluations.show(last=True)
        means = self.evaluations.run("test")
        if means is not None:
            self._events.tested(means)

    def _is_over(self) -> bool:
        if self._limits.are_reached(self.progress.step):
            return True
        return self.progress.epoch >= self._epochs and not self._limits.replace_epochs

    def _is_last_epoch(self) -> bool:
        if self._limits.replace_epochs:
            return self._limits.are_reached(self.progress.step)
        return self.progress.epoch + 1 >= self._epochs

    # -- an epoch -----------------------------------------------------------------------------------

    def _epoch(self) -> bool:
        """Train for an epoch; return whether the run ends inside of it."""
        progress, recorder = self.progress, self._recorder
        batches = start_epoch(self.experiment, progress, self._device, self._generators)
        if self.course is None:
            recorder.learning_rate(progress.step + 1, self._lr(), always=True)
        if self._metrics is not None:
            self._metrics.start_epoch()
        ends = self._train_on(batches)
        recorder.close_window()
        del batches  # ends the loader's workers before those of the evaluation start
        if progress.batch == 0:
            if self.course is not None and progress.step > 0:
                return True  # the data cannot be gone through again, and it can say something by now
            raise no_batches(progress.step, progress.epoch)
        self._pauses.settle()
        if ends and progress.batch != self._steps_per_epoch:
            self._end_inside_epoch()
            return True
        train = dict(self._metrics.take()) if self._metrics is not None else {}
        mean_loss = recorder.mean_loss()
        if train:
            recorder.scalars(progress.step, {f"train/{name}": value for name, value in train.items()})
        if mean_loss is not None:
            train = {"loss": mean_loss, **train}
        val = self.evaluations.run("val")
        step_scheduler(self.experiment.scheduler, val, train)
        progress.epoch += 1
        progress.batch = 0
        progress.epoch_start = progress.epoch_loss = None
        recorder.flush()  # a checkpoint may follow: the log must not lag behind it
        self._events.epoch_ended(train, val)
        self.evaluations.preview()
        return ends

    def _end_inside_epoch(self) -> None:
        if self.course is not None and self.course.may_explode:
            return
        if self.progress.evaluated_step != self.progress.step:
            means = self.evaluations.run("val")
            if means is not None:
                self._events.evaluated("val", means)
        self.evaluations.preview()

    def _train_on(self, batches: Iterator[Any]) -> bool:
        """Take a step per batch, or per `accumulate` batches; return whether the run is to end.

        The order of things in here is what the overhead budget is about.
        """
        recorder, progress, forward = self._recorder, self.progress, self.forward
        optimizer, metrics, course = self.experiment.optimizer, self._metrics, self.course
        clock, move, control, limits = recorder.clock, self._move, self._control, self._limits
        if self._is_evaluation_left():
            self.evaluations.run_inside_epoch()
        limits.plan(progress.step)
        recorder.open_window()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return False
            forward.batch = batch = move(batch)
            clock.mark(DATA)
            with FREEING_GRADIENTS:  # before the forward pass: a pause finds the gradients of the last batch
                optimizer.zero_grad()
            step = progress.step + 1
            if course is not None:
                course.before_step(step)
            loss, samples, by_hand = self._loss_of(batch, batches)
            value = recorder.loss(step, loss)
            if value is not None and value - value != 0.0:  # NaN or infinite, the parameters are still good
                raise NotFiniteLoss(step, value)
            now_s = clock.mark(OPTIMIZER) if self.needs_closure else self._change(step, loss, by_hand)
            progress.step = step
            progress.batch += 1
            recorder.learning_rate(step, optimizer.param_groups[0].get("lr"))
            if metrics is not None and now_s >= metrics.allowance.next_at_s:
                metrics.add(forward.output, forward.batch)
            recorder.step_done(step, samples, now_s)
            if recorder.first_not_finite is not None:
                raise NotFiniteLoss(*recorder.first_not_finite)
            if (now_s >= self._look_at_s or step >= limits.next_step) and self._look(now_s):
                return True
            if control.pending:
                self.evaluations.show(last=True)  # whoever pauses looks at it
                self._pauses.between_steps("step" if control.by_phase else "")
            clock.start()

    def _loss_of(self, batch: Any, batches: Iterator[Any]) -> tuple[torch.Tensor, int, bool]:
        """Return the loss of a step, its samples, and whether the user has run its backward pass by hand.

        The backward passes of several batches, or of an optimizer that searches, have been run by then.
        """
        forward, clock = self.forward, self._recorder.clock
        if self.needs_closure:
            return closure_step(self.experiment.optimizer, forward, clock, batch), batch_size(batch), False
        if self._accumulate > 1:
            return *self._group.run(batch, batches), False
        loss = forward.run(batch)
        clock.mark(FORWARD)
        by_hand = self._control.phase_pending and self._pauses.with_loss(loss)
        return loss, batch_size(batch), by_hand

    def _change(self, step: int, loss: torch.Tensor, by_hand: bool) -> float:
        """From the loss to changed parameters; return when that was, on the clock of `perf_counter`."""
        clock, gradients, update = self._recorder.clock, self._recorder.gradients, self.update
        if self._accumulate == 1 and not by_hand:
            self.forward.backward(loss)
        now_s = clock.mark(BACKWARD)
        if update.scaler is not None and not by_hand:
            update.unscale()
        if self._control.phase_pending:
            self._pauses.inside("backward", BACKWARD)
        if now_s >= gradients.next_at_s:
            gradients.after_backward(step)
            clock.start()
        if update.clip_norm is not None:
            update.clip()
        if update.scaler is None:
            self.experiment.optimizer.step()
        else:
            self._scaled_step(step)
        now_s = clock.mark(OPTIMIZER)
        gradients.after_update(step)
        return now_s

    def _scaled_step(self, step: int) -> None:
        """Take a step of float16's; tell where it was left out."""
        self.update.step()
        if self.update.skipped:
            self._recorder.gradients.forget_update()
            self._events.skipped(step, self.update.scale, self.update.skips)

    # -- between steps ------------------------------------------------------------------------------

    def _look(self, now_s: float) -> bool:
        """Do what is due after a step; return whether the run is to end."""
        progress, limits = self.progress, self._limits
        self._look_at_s = min(now_s + self.LOOK_INTERVAL_S, limits.ends_at_s)
        if self.course is not None:
            self._recorder.flush()
            self._tell_verdict(self.course)
        if limits.are_reached(progress.step):
            return True
        if limits.evaluation_is_due(progress.step) and progress.batch != self._steps_per_epoch:
            self.evaluations.run_inside_epoch()
        limits.plan(progress.step)
        if self._events.checkpoint_is_due(now_s):
            self._pauses.settle()
            self._events.checkpoint()
        self.evaluations.show(now_s)
        return False

    def _tell_verdict(self, course: Course) -> None:
        if course.verdict != self._verdict:
            self._verdict = course.verdict
            self._events.found(course.verdict, course.suggested_lr)

    def _is_evaluation_left(self) -> bool:
        """Return whether a resumed run was stopped in the evaluation after its last step."""
        progress = self.progress
        if progress.batch in (0, self._steps_per_epoch) or progress.evaluated_step == progress.step:
            return False
        return self._limits.evaluation_is_due(progress.step)

    def _lr(self) -> object:
        return self.experiment.optimizer.param_groups[0].get("lr")
