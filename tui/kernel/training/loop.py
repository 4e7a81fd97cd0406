"""The training loop: epochs, batches, evaluation, and the places where it can be paused."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from tui.kernel.torch_private import FREEING_GRADIENTS
from tui.kernel.training.batches import batch_size, is_pair, mover
from tui.kernel.training.by_hand import Marks, gradient_marks, look_at
from tui.kernel.training.control import Control
from tui.kernel.training.evaluation import evaluate, preview
from tui.kernel.training.experiment import Experiment
from tui.kernel.training.loop_events import LoopEvents
from tui.kernel.training.phases import BACKWARD, DATA, FORWARD, OPTIMIZER
from tui.kernel.training.progress import Progress
from tui.kernel.training.randomness import (
    generators_of,
    random_state,
    restore_random_state,
)
from tui.kernel.training.recorder import Recorder
from tui.kernel.training.refusals import LoopError, NotFiniteLoss, check_loss, no_batches, no_pair
from tui.kernel.training.trainmetrics import TrainMetrics
from tui.protocol.messages import RunPhase

__all__ = ["Loop", "LoopError", "NotFiniteLoss"]


class Loop:
    """Trains an experiment for so many epochs."""

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        recorder: Recorder,
        control: Control,
        events: LoopEvents,
        progress: Progress,
        epochs: int,
    ) -> None:
        self.experiment = experiment
        self.progress = progress
        self.loss: torch.Tensor | None = None
        """The last step's loss; with `output` and `batch` it lives until the next step's, as in any loop."""
        self.output: Any = None
        self.batch: Any = None
        self._device = device
        self._recorder = recorder
        self._control = control
        self._events = events
        self._epochs = epochs
        self._generators = generators_of([experiment.train])
        self._move = mover(device)
        self._metrics = TrainMetrics(experiment, device) if experiment.metrics is not None else None
        self.needs_closure = _requires_closure(experiment.optimizer)
        """Whether the optimizer evaluates the loss itself, several times a step: then a step has no phases."""
        self._evaluating = False
        self._marks: Marks | None = None  # of the gradients at the first pause inside the batch in work

    def run(self) -> None:
        """Train to the last epoch, then evaluate the test set.

        Raises:
            Stopped: the run was asked to stop; progress and state are whole.
            NotFiniteLoss: a loss was NaN or infinite.
            LogWriteError: the log cannot be written.
            Exception: whatever the experiment raises.
        """
        hook = None
        if self.experiment.step is not None:  # the preset calls the model itself: listen for its output
            hook = self.experiment.model.register_forward_hook(self._keep_output)
        try:
            if self.progress.epoch_loss is not None:
                self._recorder.continue_mean(*self.progress.epoch_loss)
            if self._control.pending:
                self._gate()
            while self.progress.epoch < self._epochs:
                self._epoch()
            self._test()
        finally:
            if hook is not None:
                hook.remove()

    # -- an epoch -----------------------------------------------------------------------------------

    def _epoch(self) -> None:
        progress, recorder = self.progress, self._recorder
        batches = self._start_epoch()
        recorder.learning_rate(progress.step + 1, self._lr(), always=True)
        if self._metrics is not None:
            self._metrics.start_epoch()
        self._train_on(batches)
        recorder.close_window()
        del batches  # ends the loader's workers before those of the evaluation start
        if progress.batch == 0:
            raise no_batches(progress.step, progress.epoch)
        self._settle()
        train = dict(self._metrics.take()) if self._metrics is not None else {}
        mean_loss = recorder.mean_loss()
        if train:
            recorder.scalars(progress.step, {f"train/{name}": value for name, value in train.items()})
        if mean_loss is not None:
            train = {"loss": mean_loss, **train}
        val = self._evaluate("val")
        self._step_scheduler(val, train)
        progress.epoch += 1
        progress.batch = 0
        progress.epoch_start = progress.epoch_loss = None
        recorder.flush()  # a checkpoint may follow: the log must not lag behind it
        self._events.epoch_ended(train, val)
        self._preview()

    def _start_epoch(self) -> Iterator[Any]:
        """Return the epoch's batches, less those already trained on by the run that is resumed.

        The batches done are drawn again from the random states of the epoch's start and dropped; then the
        streams are put where they were, so that the rest is what it would have been.
        """
        progress = self.progress
        if progress.epoch_start is None or progress.batch == 0:
            progress.epoch_start = random_state(self._device, self._generators)
            progress.batch = 0
            return iter(self.experiment.train)
        now = random_state(self._device, self._generators)
        restore_random_state(progress.epoch_start, self._device, self._generators)
        batches = iter(self.experiment.train)
        for _ in range(progress.batch):
            if next(batches, None) is None:
                break
        restore_random_state(now, self._device, self._generators)
        return batches

    def _train_on(self, batches: Iterator[Any]) -> None:
        """Take a step per batch. The order of things in here is what the overhead budget is about."""
        experiment, recorder, progress = self.experiment, self._recorder, self.progress
        optimizer, metrics, clock = experiment.optimizer, self._metrics, recorder.clock
        gradients, move, control = recorder.gradients, self._move, self._control
        recorder.open_window()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                break
            self.batch = batch = move(batch)
            clock.mark(DATA)
            with FREEING_GRADIENTS:  # before the forward pass: a pause finds the gradients of the last batch
                optimizer.zero_grad()
            by_hand = False
            if self.needs_closure:
                loss = self._closure_step(batch)
            else:
                loss = self._forward(batch)
                clock.mark(FORWARD)
                by_hand = control.phase_pending and self._pause_with_loss(loss)
            step = progress.step + 1
            value = recorder.loss(step, loss)
            if (
                value is not None and value - value != 0.0
            ):  # NaN or infinite, and the parameters are still good
                raise NotFiniteLoss(step, value)
            if not self.needs_closure:
                if not by_hand:
                    loss.backward()
                now_s = clock.mark(BACKWARD)
                if control.phase_pending:
                    self._pause_inside("backward", BACKWARD)
                if now_s >= gradients.next_at_s:
                    gradients.after_backward(step)
                    clock.start()
                optimizer.step()
                now_s = clock.mark(OPTIMIZER)
                gradients.after_update(step)
            else:
                now_s = clock.mark(OPTIMIZER)
            progress.step = step
            progress.batch += 1
            recorder.learning_rate(step, self._lr())
            if metrics is not None and now_s >= metrics.allowance.next_at_s:
                metrics.add(self.output, batch)
            recorder.step_done(step, batch_size(batch), now_s)
            if recorder.first_not_finite is not None:
                raise NotFiniteLoss(*recorder.first_not_finite)
            if self._events.checkpoint_is_due(now_s):
                self._settle()
                self._events.checkpoint()
            if control.pending:
                self._gate("step" if control.by_phase else "")
            clock.start()

    def _forward(self, batch: Any) -> torch.Tensor:
        """Return the loss of a batch, a scalar that can be differentiated."""
        experiment = self.experiment
        if experiment.step is not None:
            loss = experiment.step(experiment.model, batch, experiment.loss)
        else:
            if not is_pair(batch):
                raise no_pair(batch)
            self.output = output = experiment.model(batch[0])
            if self._control.phase_pending and not self.needs_closure:
                self.loss = None  # that of the batch before
                self._pause_inside("forward", FORWARD)
            loss = experiment.loss(output, batch[1])
        self.loss = loss
        check_loss(loss, "step()" if experiment.step is not None else "loss()")
        return loss

    def _closure_step(self, batch: Any) -> torch.Tensor:
        """Take a step of an optimizer that evaluates the loss itself, several times (LBFGS)."""
        optimizer, clock = self.experiment.optimizer, self._recorder.clock

        def closure() -> torch.Tensor:
            with FREEING_GRADIENTS:
                optimizer.zero_grad()
            loss = self._forward(batch)
            clock.mark(FORWARD)
            loss.backward()
            clock.mark(BACKWARD)
            return loss

        first: object = optimizer.step(closure)  # type: ignore[arg-type]
        assert self.loss is not None
        return first if isinstance(first, torch.Tensor) else self.loss

    def _keep_output(self, _model: object, _inputs: object, output: Any) -> None:
        if not self._evaluating:
            self.output = output

    # -- pauses inside a batch ----------------------------------------------------------------------

    def _pause_inside(self, phase: RunPhase, timed_as: int) -> None:
        """Wait inside a batch if that is asked for. See NOTE [Inside a batch] in `control`."""
        if not self._control.waits_at_phase:
            return
        if self._marks is None:
            self._marks = gradient_marks(self.experiment.model.parameters())
        self._recorder.clock.interrupt(timed_as)
        self._recorder.close_window()
        self._read_losses()
        self._control.at_phase(partial(self._events.paused, phase), self._events.resumed)
        self._recorder.open_window()

    def _pause_with_loss(self, loss: torch.Tensor) -> bool:
        """Wait if that is asked for; return whether the backward is not to run: see NOTE [Backward by hand]."""
        self._pause_inside("loss", FORWARD)
        if self._marks is None:
            return False
        is_done, words = look_at(loss, self.experiment.model.parameters(), self._marks)
        if words:
            self._events.meddled(words)
        self._recorder.clock.start()
        return is_done

    # -- between steps ------------------------------------------------------------------------------

    def _gate(self, phase: RunPhase = "") -> None:
        """Wait while paused."""
        self._marks = None
        self._recorder.close_window()
        self._settle()
        self._control.after_step(partial(self._events.paused, phase), self._events.resumed)
        self._recorder.open_window()

    def _settle(self) -> None:
        """Bring the log up to the last step. This is a sync point."""
        self._read_losses()
        self.progress.epoch_loss = self._recorder.loss_so_far

    def _read_losses(self) -> None:
        """Bring the log up to the last loss. This is a sync point.

        Raises:
            NotFiniteLoss: one that had not been read yet was NaN or infinite.
        """
        self._recorder.flush(wait=True)
        if self._recorder.first_not_finite is not None:
            raise NotFiniteLoss(*self._recorder.first_not_finite)

    def _evaluate(self, name: str) -> dict[str, float] | None:
        loader = self.experiment.loaders.get(name)
        if loader is None:
            return None

        def between() -> None:
            if self._control.pending:
                self._control.during_evaluation(self._events.paused, self._events.resumed)

        self._evaluating = True
        self.progress.evaluation_start = random_state(self._device, self._generators)
        try:
            means = evaluate(self.experiment, loader, self._device, between)
        finally:
            self._evaluating = False
        self.progress.evaluation_start = None  # one that is stopped keeps it for the last checkpoint
        if means is not None:
            self._recorder.scalars(
                self.progress.step, {f"{name}/{key}": value for key, value in means.items()}
            )
            self._recorder.flush()
        return means

    def _preview(self) -> None:
        """Show what the model does by now. A preview that raises is told and left out; the training goes on."""
        if self.experiment.preview is None:
            return
        self._evaluating = True
        try:
            self._events.previewed(preview(self.experiment, self._device))
        except Exception as error:  # noqa: BLE001 - it is the user's code, and no part of the training
            self._events.previewed(f"preview(model) is left out from now on: {type(error).__name__}: {error}")
            self.experiment.preview = None
        finally:
            self._evaluating = False

    def _test(self) -> None:
        means = self._evaluate("test")
        if means is not None:
            self._events.tested(means)

    def _step_scheduler(self, val: dict[str, float] | None, train: dict[str, float]) -> None:
        """Step the scheduler, once an epoch; one that goes by a metric gets the validation loss."""
        scheduler = self.experiment.scheduler
        if scheduler is None:
            return
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            metric = (val or train).get("loss")
            if metric is not None:  # None: an older checkpoint at the epoch's last batch, and no val
                scheduler.step(metric)
        else:
            scheduler.step()

    def _lr(self) -> object:
        return self.experiment.optimizer.param_groups[0].get("lr")


def _requires_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether `step` cannot be called without a closure, as with LBFGS."""
    parameter = inspect.signature(type(optimizer).step).parameters.get("closure")
    return parameter is not None and parameter.default is inspect.Parameter.empty
