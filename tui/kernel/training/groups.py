"""Steps that are made of more than one forward and backward pass: several batches, or an optimizer's own search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tui.kernel.torch_private import FREEING_GRADIENTS
from tui.kernel.training.batches import batch_size
from tui.kernel.training.forward import Forward
from tui.kernel.training.log.phases import BACKWARD, DATA, FORWARD, PhaseClock
from tui.kernel.training.log.recorder import Recorder
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control, StoppedNow
from tui.kernel.training.update import Update
from tui.kernel.training.waiting.pauses import Pauses


class Group:
    """Several batches whose gradients are averaged into one step."""

    planned = 1
    """How many."""
    per_epoch: int | None = None
    """Batches in the loader; None where it does not tell."""

    def __init__(
        self,
        recorder: Recorder,
        control: Control,
        progress: Progress,
        pauses: Pauses,
        forward: Forward,
        update: Update,
        move: Callable[[Any], Any],
    ) -> None:
        self._recorder = recorder
        self._control = control
        self._progress = progress
        self._pauses = pauses
        self._forward = forward
        self._update = update
        self._move = move

    def run(self, batch: Any, batches: Iterator[Any]) -> tuple[torch.Tensor, int]:
        """Run several batches forward and backward, so that the gradients are those of the mean of their losses.

        Args:
            batch: the first, moved already.
            batches: the others, drawn one by one when it is their turn.

        Returns:
            the mean of their losses, and the number of samples in all.

        Raises:
            StoppedNow: the run was asked to end at once.
        """
        clock, control, progress = self._recorder.clock, self._control, self._progress
        planned = self.planned
        if self.per_epoch is not None:
            planned = min(planned, max(self.per_epoch - progress.batch, 1))
        losses: list[torch.Tensor] = []
        samples = 0
        while True:
            loss = self._forward.run(batch)
            clock.mark(FORWARD)
            if not (control.phase_pending and self._pauses.with_loss(loss)):
                self._forward.backward(loss, planned)
            losses.append(loss.detach().reshape(()))
            samples += batch_size(batch)
            if len(losses) == planned:
                break
            clock.mark(BACKWARD)
            if control.phase_pending:
                self._pauses.inside("backward", BACKWARD)
            if control.stop_now_asked:
                raise StoppedNow
            try:
                batch = next(batches)
            except StopIteration:  # of a loader that does not tell its length, or tells a wrong one
                self._update.share(len(losses), planned)
                break
            progress.batch += 1
            self._pauses.begin_batch()
            self._forward.batch = batch = self._move(batch)
            clock.mark(DATA)
        return torch.stack(losses).mean(), samples


def closure_step(
    optimizer: torch.optim.Optimizer, forward: Forward, clock: PhaseClock, batch: Any
) -> torch.Tensor:
    """Take a step of an optimizer that evaluates the loss itself, several times (LBFGS); return its first loss."""

    def closure() -> torch.Tensor:
        with FREEING_GRADIENTS:
            optimizer.zero_grad()
        loss = forward.run(batch)
        clock.mark(FORWARD)
        forward.backward(loss)
        clock.mark(BACKWARD)
        return loss

    first: object = optimizer.step(closure)  # type: ignore[arg-type]
    assert forward.loss is not None
    return first if isinstance(first, torch.Tensor) else forward.loss
