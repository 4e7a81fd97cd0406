"""From a batch to its loss and gradients: the precision, and what the compiler makes of the model."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch

from tui.kernel.torch_private import FREEING_GRADIENTS
from tui.kernel.training.batches import is_pair
from tui.kernel.training.keep.randomness import RandomState, random_state, restore_random_state
from tui.kernel.training.log.layer_watch import LayerWatch
from tui.kernel.training.log.phases import FORWARD
from tui.kernel.training.loop_events import LoopEvents
from tui.kernel.training.parts.compiled import why_not_compiled
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control, Stopped
from tui.kernel.training.trouble.refusals import check_loss, no_pair
from tui.kernel.training.update import Update
from tui.kernel.training.waiting.pauses import Pauses


class Forward:
    """Runs the model and its loss on batches, forward and backward; keeps the last one's for whoever looks."""

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        control: Control,
        events: LoopEvents,
        pauses: Pauses,
        update: Update,
        progress: Progress,
        layers: LayerWatch | None,
        *,
        casts: bool,
        has_phases: bool,
    ) -> None:
        """Prepare.

        Args:
            layers: what samples the model's layers; None: nothing does.
            casts: whether the experiment's `autocast` changes anything.
            has_phases: whether a pause between model and loss is possible.
        """
        self.loss: torch.Tensor | None = None
        """The last batch's loss; with `output` and `batch` it lives until the next one's, as in any loop."""
        self.output: Any = None
        self.batch: Any = None
        self.is_listening = True
        """Whether what the model gives to a preset's own ``step`` is kept: not in an evaluation."""
        self._experiment = experiment
        self._device = device
        self._control = control
        self._events = events
        self._pauses = pauses
        self._update = update
        self._progress = progress
        self._layers = layers
        self._casts = casts
        self._has_phases = has_phases
        self._before: RandomState | None = None  # of the first forward pass of a compiled model
        self._is_proven = not experiment.is_compiled  # whether a whole step has worked
        self._hook: Any = None

    def __enter__(self) -> Forward:
        if self._experiment.step is not None:  # the preset calls the model itself: listen for its output
            self._hook = self._experiment.called.register_forward_hook(self._keep_output)
        return self

    def __exit__(self, *_: object) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _keep_output(self, _model: object, _inputs: object, output: Any) -> None:
        if self.is_listening:
            self.output = output

    def run(self, batch: Any) -> torch.Tensor:
        """Return the loss of a batch, a scalar that can be differentiated.

        Raises:
            LoopError: batch or loss are not what a loop can work with.
            StoppedNow: the run was asked to end at once.
            Exception: whatever the experiment raises.
        """
        experiment = self._experiment
        if experiment.is_compiled:
            loss = self._run_compiled(batch)
        elif self._casts:
            with experiment.autocast():
                loss = self._loss_of(batch)
        else:
            loss = self._loss_of(batch)
        self.loss = loss
        check_loss(loss, "step()" if experiment.step is not None else "loss()")
        return loss

    def _loss_of(self, batch: Any) -> torch.Tensor:
        experiment = self._experiment
        if experiment.step is not None:
            return self._sampled(experiment.step, experiment.called, batch, experiment.loss)  # type: ignore[no-any-return]
        if not is_pair(batch):
            raise no_pair(batch)
        self.output = output = self._sampled(experiment.called, batch[0])
        if self._control.phase_pending and self._has_phases:
            self.loss = None  # that of the batch before
            self._pauses.inside("forward", FORWARD)
        loss: torch.Tensor = experiment.loss(output, batch[1])
        return loss

    def _sampled(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run the model; have its layers sampled where that is due, and where they are run one by one."""
        layers = self._layers
        if layers is None or perf_counter() < layers.next_at_s or self._experiment.is_compiled:
            return function(*arguments)
        with layers.sampling(self._progress.step + 1):
            return function(*arguments)

    # -- compiled: see NOTE [Compiled models] -------------------------------------------------------

    def _run_compiled(self, batch: Any) -> torch.Tensor:
        if not self._is_proven:
            self._before = random_state(self._device)
        try:
            with self._experiment.autocast():
                return self._loss_of(batch)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - compilers fail in many ways
            failure = error
        return self._run_plain(batch, failure)

    def _run_plain(self, batch: Any, failure: Exception) -> torch.Tensor:
        """Go on with the plain model; where that fails as well, its failure is the one to tell of."""
        experiment = self._experiment
        self.__exit__()
        experiment.called = experiment.model
        self.__enter__()
        if self._before is not None:
            restore_random_state(self._before, self._device)
        with experiment.autocast():
            loss = self._loss_of(batch)
        self._is_proven, self._before = True, None
        self._events.warned(why_not_compiled(failure))
        return loss

    def backward(self, loss: torch.Tensor, share: int = 1) -> None:
        """Run the backward pass of the last batch's loss, or of one part in `share` of it."""
        if self._is_proven:
            self._update.backward(loss if share == 1 else loss / share)
            return
        try:
            self._update.backward(loss if share == 1 else loss / share)
        except Exception as error:  # noqa: BLE001 - compilers fail in many ways
            failure = error
        else:
            self._is_proven, self._before = True, None
            return
        with FREEING_GRADIENTS:
            self._experiment.optimizer.zero_grad()
        self.loss = loss = self._run_plain(self.batch, failure)
        self._update.backward(loss if share == 1 else loss / share)
