"""The training loop: epochs, batches, evaluation, and the places where it can be paused."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Protocol

import torch

from tui.kernel.training.batches import batch_size, describe, is_pair, mover
from tui.kernel.training.control import Control
from tui.kernel.training.evaluation import evaluate, preview
from tui.kernel.training.experiment import Experiment
from tui.kernel.training.phases import BACKWARD, DATA, FORWARD, OPTIMIZER
from tui.kernel.training.progress import Progress
from tui.kernel.training.randomness import (
    generators_of,
    random_state,
    restore_random_state,
)
from tui.kernel.training.recorder import Recorder
from tui.kernel.training.trainmetrics import TrainMetrics


class NotFiniteLoss(ArithmeticError):
    """The loss of a step is NaN or infinite."""

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} at step {step}")
        self.step = step


class LoopError(ValueError):
    """A batch, loss or loader is not what a loop can work with; the message is for the user."""


class LoopEvents(Protocol):
    """What the loop tells as it goes; each is called in the training thread, between steps."""

    def paused(self) -> None:
        """The loop is about to wait; also after each single step."""

    def resumed(self) -> None:
        """The loop goes on."""

    def epoch_ended(self, train: dict[str, float], val: dict[str, float] | None) -> None:
        """An epoch is complete, its evaluation included; `train` and `val` hold mean loss and metrics."""

    def tested(self, test: dict[str, float]) -> None:
        """The test set has been evaluated with the final weights."""

    def previewed(self, text: str) -> None:
        """The preset's preview of the model after an epoch."""

    def checkpoint_is_due(self, now_s: float) -> bool:
        """Return whether the state is to be kept inside the epoch."""

    def checkpoint(self) -> None:
        """Keep the state; the log is up to the last step."""


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
        self._needs_closure = _requires_closure(experiment.optimizer)
        self._evaluating = False

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
            raise LoopError(self._no_batches())
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
            optimizer.zero_grad()  # before the forward pass: a pause finds the gradients of the last batch
            if self._needs_closure:
                loss = self._closure_step(batch)
            else:
                loss = self._forward(batch)
                clock.mark(FORWARD)
            step = progress.step + 1
            value = recorder.loss(step, loss)
            if (
                value is not None and value - value != 0.0
            ):  # NaN or infinite, and the parameters are still good
                raise NotFiniteLoss(step, value)
            if not self._needs_closure:
                loss.backward()
                now_s = clock.mark(BACKWARD)
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
                self._gate()
            clock.start()

    def _forward(self, batch: Any) -> torch.Tensor:
        """Return the loss of a batch, a scalar that can be differentiated."""
        experiment = self.experiment
        if experiment.step is not None:
            loss = experiment.step(experiment.model, batch, experiment.loss)
        else:
            if not is_pair(batch):
                raise LoopError(
                    f"data()['train'] gives batches of {_shape_of(batch)}; without a step(model, batch, loss)"
                    " a batch must be (input, target)"
                )
            self.output = output = experiment.model(batch[0])
            loss = experiment.loss(output, batch[1])
        self.loss = loss
        checked: object = loss
        if not isinstance(checked, torch.Tensor) or loss.numel() != 1 or not loss.requires_grad:
            raise LoopError(_bad_loss(loss, "step()" if experiment.step is not None else "loss()"))
        return loss

    def _closure_step(self, batch: Any) -> torch.Tensor:
        """Take a step of an optimizer that evaluates the loss itself, several times (LBFGS)."""
        optimizer, clock = self.experiment.optimizer, self._recorder.clock

        def closure() -> torch.Tensor:
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

    # -- between steps ------------------------------------------------------------------------------

    def _gate(self) -> None:
        """Wait while paused."""
        self._recorder.close_window()
        self._settle()
        self._control.after_step(self._events.paused, self._events.resumed)
        self._recorder.open_window()

    def _settle(self) -> None:
        """Bring the log up to the last step. This is a sync point."""
        self._recorder.flush(wait=True)
        if self._recorder.first_not_finite is not None:
            raise NotFiniteLoss(*self._recorder.first_not_finite)
        self.progress.epoch_loss = self._recorder.loss_so_far

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

    def _no_batches(self) -> str:
        if self.progress.step == 0:
            return "data()['train'] has no batches"
        return (
            f"data()['train'] gave no batches in epoch {self.progress.epoch + 1}: it is exhausted"
            " (a generator?); a DataLoader or a list can be gone through again"
        )


def _requires_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether `step` cannot be called without a closure, as with LBFGS."""
    parameter = inspect.signature(type(optimizer).step).parameters.get("closure")
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _bad_loss(loss: object, source: str) -> str:
    if not isinstance(loss, torch.Tensor):
        return f"{source} must give a scalar tensor, got {type(loss).__name__}"
    if loss.numel() != 1:
        return f"{source} must give one number per batch, got {describe(loss)}: take its mean or sum"
    return (
        f"the loss that {source} gives depends on no parameter (it does not require grad): was it made under"
        " no_grad, detached, or are all parameters frozen?"
    )


def _shape_of(batch: Any) -> str:
    length = f" of {len(batch)}" if isinstance(batch, list | tuple) else ""
    return f"{type(batch).__name__}{length} ({describe(batch)})"
