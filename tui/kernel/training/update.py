"""From a loss to changed parameters: the backward pass under a scaler, clipping, the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tui.kernel.training.parts.experiment import Experiment


class Update:
    """How the gradients of a step become a change of the parameters; the defaults do what a plain loop does."""

    def __init__(
        self, experiment: Experiment, clip_norm: float | None, scaler: torch.amp.GradScaler | None
    ) -> None:
        self.clip_norm = clip_norm
        """The norm that all gradients together are scaled down to; None: they stay as they are."""
        self.scaler = scaler
        self.why_no_clip = ""
        """Why gradients cannot be clipped in this run; empty where they can."""
        if experiment.needs_closure:
            name = type(experiment.optimizer).__name__
            self.why_no_clip = f"{name} runs forward and backward itself, so gradients cannot be clipped"
        self.skipped = False
        """Whether the last step was left out, since gradients had overflowed."""
        self.skips = 0
        """How many were left out."""
        self._optimizer = experiment.optimizer
        self._parameters = list(experiment.model.parameters())
        self._is_unscaled = False
        self._has_stepped = False
        self._hook: Any = None
        self.backward: Callable[[torch.Tensor], None] = (
            torch.Tensor.backward if scaler is None else self._scaled_backward
        )
        """Runs the backward pass of a loss."""
        if scaler is not None:
            # It steps the optimizer or leaves that out; which of the two, it does not tell.
            self._hook = self._optimizer.register_step_post_hook(self._note_step)

    def close(self) -> None:
        """Take the hook off the optimizer, which the user keeps."""
        if self._hook is not None:
            self._hook.remove()

    def _note_step(self, *_: object) -> None:
        self._has_stepped = True

    def _scaled_backward(self, loss: torch.Tensor) -> None:
        assert self.scaler is not None
        self.scaler.scale(loss).backward()

    def share(self, taken: int, planned: int) -> None:
        """Make the sum of `taken` shares of ``1 / planned`` a mean, where batches ran out early."""
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(planned / taken)

    def unscale(self) -> None:
        """Make gradients what they would be without a scaler: before anything looks at them."""
        if self.scaler is not None and any(p.grad is not None for p in self._parameters):
            self.scaler.unscale_(self._optimizer)
            self._is_unscaled = True

    def clip(self) -> None:
        """Scale the gradients down where they are too large. Does not synchronize."""
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self.clip_norm)

    def step(self) -> None:
        """Step the optimizer; with a scaler only where all gradients are finite, which is a sync point of torch's."""
        if not self._is_unscaled or self.scaler is None:
            self._optimizer.step()
            return
        self._is_unscaled = self._has_stepped = False
        self.scaler.step(self._optimizer)
        self.scaler.update()
        self.skipped = not self._has_stepped
        self.skips += self.skipped

    @property
    def scale(self) -> float:
        """What losses are multiplied with before the backward pass. This is a sync point."""
        return float(self.scaler.get_scale()) if self.scaler is not None else 1.0
